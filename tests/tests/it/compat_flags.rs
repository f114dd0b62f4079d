//! Every command and every flag that the old tools had, in each dialect: none is refused.
//!
//! A parser meets flags from left to right and stops at `--help`, so a run that ends with it and prints help has taken
//! everything before it. What the flags do is the matter of `compat` and `compat_faults`.

use gumnut_tests::{Program, Server};

/// Flags that many commands of a dialect share.
const OLD: &str =
    "-U http://h/ --url http://h/ --config F --debug --region R --debugger --euca-auth";
const OLD_KEYS: &str = "-a A -s S --access-key A --secret-key S";
const OLD_CAPITALS: &str = "-A A -S S --access-key A --secret-key S";
const NEW: &str = "--debug --debugger -U http://h/ --url http://h/ --region U@R -I A --access-key-id A -S S --secret-key S \
                   --security-token T";
const NEW_EC2: &str = "--show-empty-fields";
const NEW_PROGRESS: &str = "--progress --no-progress --porcelain";
const AMI: &str = "--batch --debug";
const AMI_S3: &str = "-a A -s S -t T --access-key A --secret-key S --delegation-token T --region R --url http://h/ --sigv 2 --retry";

/// Flags of several commands of 3.4.
const NEW_IMAGE: &str = "-i F --image F -r ppc64le --arch armhf -p P --prefix P -k F --privatekey F -c F --cert F --ec2cert F \
                         -u 000000000001 --user 000000000001 --kernel true --ramdisk true -B ami=sda1,root=/dev/sda1 \
                         --block-device-mappings ami=sda1 --productcodes A,B --image-size 10gb --bootstrap-url http://h/ \
                         --image-type kernel --part-size 10m --enc-key 00 --enc-iv 00";
const NEW_UPLOAD: &str = "-b bucket/P --bucket bucket --acl ec2-bundle-read --upload-policy P --upload-policy-file F \
                          --upload-policy-signature S --location L --retry";
const SELECTOR: &str = "-b bucket/P --bucket bucket -m M --manifest M -p P --prefix P";
const INSTALL: &str = "-d D --destination D --preserve-bundle --max-pending-parts 3";

/// The commands of one dialect, each with what it takes beside the flags that are shared.
const OF_2010: [(&str, &[&str]); 29] = [
    (
        "euca-bundle-image",
        &[
            OLD,
            OLD_KEYS,
            "-i F --image F -u 0000-0000-0001 --user X -c F --cert F -k F --privatekey F --ec2cert F -p P --prefix P -d D \
             --destination D -r i386 --arch x86_64 --kernel true --ramdisk eri-00000001 -B ami=sda1 --block-device-mapping ami=sda1 \
             --productcodes A,B --product-codes A --batch -b",
        ],
    ),
    (
        "euca-bundle-vol",
        &[
            OLD,
            "-c F --cert F -k F --privatekey F -u X --user X --ec2cert F -r i386 --arch x86_64 -d D --destination D -s 100 --size 100 \
             -v / --volume / -a --all -e A,B --exclude A -p P --prefix P --inherit --no-inherit --fstab F --generate-fstab \
             --generatefstab --kernel eki-00000001 --ramdisk eri-00000001 -B ami=sda1 -b ami=sda1 --block-device-mapping ami=sda1 \
             --productcodes A,B --product-codes A --batch",
        ],
    ),
    (
        "euca-upload-bundle",
        &[
            OLD,
            OLD_KEYS,
            "-b bucket -m F --bucket bucket --manifest F -d D --acl aws-exec-read --part N --skipmanifest --ec2cert F --location L",
        ],
    ),
    (
        "euca-bundle-upload",
        &[
            OLD,
            OLD_KEYS,
            "-b bucket -m F -d D --acl aws-exec-read --part N --skipmanifest --ec2cert F --location L",
        ],
    ),
    (
        "euca-download-bundle",
        &[
            OLD,
            OLD_KEYS,
            "-b bucket --bucket bucket -m M --manifest M -d D -p P",
        ],
    ),
    (
        "euca-delete-bundle",
        &[
            OLD,
            OLD_KEYS,
            "-b bucket --bucket bucket -m M --manifest M -p P --clear",
        ],
    ),
    (
        "euca-unbundle",
        &[
            OLD,
            OLD_CAPITALS,
            "-m F --manifest F -k F --privatekey F -s D --source D -d D --destination D",
        ],
    ),
    (
        "euca-check-bucket",
        &[OLD, OLD_KEYS, "-b bucket --bucket bucket"],
    ),
    (
        "euca-register",
        &[
            OLD,
            OLD_CAPITALS,
            "bucket/K -b sda=none -d T --description T -n N --name N -a i386 --architecture i386 --kernel eki-00000001 --ramdisk eri-00000001 \
             --root-device-name D -s snap-1 --snapshot snap-1",
        ],
    ),
    ("euca-deregister", &[OLD, OLD_KEYS, "emi-00000001"]),
    (
        "euca-run-instances",
        &[
            OLD,
            OLD_CAPITALS,
            "emi-00000001 -k K --key K --kernel eki-00000001 --ramdisk eri-00000001 -n 1-2 --instance-count 2 -t m1.small \
             --instance-type m1.small -g default --group web -d D --addressing private -z Z --availability-zone Z",
        ],
    ),
    (
        "euca-describe-instances",
        &[OLD, OLD_CAPITALS, "i-00000001 i-00000002"],
    ),
    (
        "euca-terminate-instances",
        &[OLD, OLD_KEYS, "i-00000001 i-00000002"],
    ),
    ("euca-reboot-instances", &[OLD, OLD_KEYS, "i-00000001"]),
    ("euca-get-console-output", &[OLD, OLD_KEYS, "i-00000001"]),
    (
        "euca-describe-availability-zones",
        &[OLD, OLD_KEYS, "verbose"],
    ),
    ("euca-add-keypair", &[OLD, OLD_KEYS, "mykey"]),
    (
        "euca-add-group",
        &[OLD, OLD_KEYS, "web -d D --description D"],
    ),
    (
        "euca-authorize",
        &[
            OLD,
            OLD_CAPITALS,
            "web -P tcp --protocol udp -p 22-23 --port-range 22 -t -1:-1 --icmp-type-code 8:0 -o default --source-group default \
             -u admin --source-group-user admin",
        ],
    ),
    (
        "euca-revoke",
        &[
            OLD,
            OLD_CAPITALS,
            "web -P tcp -p 22-23 -s 0.0.0.0/0 --source-subnet 0.0.0.0/0 -u admin",
        ],
    ),
    ("euca-describe-groups", &[OLD, OLD_KEYS, "web default"]),
    ("euca-delete-group", &[OLD, OLD_KEYS, "web"]),
    ("euca-import-keypair", &[OLD, OLD_KEYS, "mykey -f F"]),
    ("euca-describe-keypairs", &[OLD, OLD_KEYS, "mykey yourkey"]),
    ("euca-delete-keypair", &[OLD, OLD_KEYS, "mykey"]),
    (
        "euca-describe-image-attribute",
        &[OLD, OLD_KEYS, "emi-00000001 -l -p -B --kernel --ramdisk"],
    ),
    (
        "euca-modify-image-attribute",
        &[
            OLD,
            OLD_CAPITALS,
            "emi-00000001 -l -a all -r 000000000001 -p CODE",
        ],
    ),
    (
        "euca-reset-image-attribute",
        &[OLD, OLD_KEYS, "emi-00000001 -l"],
    ),
    (
        "euca-describe-images",
        &[
            OLD,
            OLD_CAPITALS,
            "emi-00000001 emi-00000002 -a -o self -x all --all --owner self --executable-by all --filter name=x",
        ],
    ),
];

const OF_3_4: [(&str, &[&str]); 34] = [
    (
        "euca-bundle-image",
        &[NEW, NEW_IMAGE, NEW_PROGRESS, "-d D --destination D --batch"],
    ),
    (
        "euca-bundle-vol",
        &[
            NEW,
            NEW_PROGRESS,
            "-r ppc64le --arch armhf -p P --prefix P -k F --privatekey F -c F --cert F --ec2cert F -u 000000000001 --user X \
             --kernel eki-00000001 --ramdisk eri-00000001 -B ami=sda1 --block-device-mappings ami=sda1 --productcodes A,B \
             --bootstrap-url http://h/ --part-size 10m --enc-key 00 --enc-iv 00 -d D --destination D -s 100 --size 100 -e A --exclude A \
             -i A --include A --no-filter -a --all --inherit --no-inherit -v / --volume / -P mbr --partition gpt -S F --script F \
             --fstab F --generate-fstab --grub-config F --batch",
        ],
    ),
    (
        "euca-bundle-and-upload-image",
        &[NEW, NEW_IMAGE, NEW_UPLOAD, NEW_PROGRESS, INSTALL],
    ),
    (
        "euca-install-image",
        &[
            NEW,
            NEW_IMAGE,
            NEW_UPLOAD,
            NEW_PROGRESS,
            INSTALL,
            "-n N --name N --description T --virtualization-type hvm --platform windows --ec2-url http://h/",
        ],
    ),
    (
        "euca-unbundle",
        &[
            "--debug --debugger --region U@R",
            NEW_PROGRESS,
            "-m F --manifest F -s D --source D -d D --destination D -k F --privatekey F",
        ],
    ),
    (
        "euca-unbundle-stream",
        &[
            "--debug --debugger",
            NEW_PROGRESS,
            "-i - -o - --enc-key 00 --enc-iv 00 --image-size 1 \
             --sha1-digest da39a3ee5e6b4b0d3255bfef95601890afd80709",
        ],
    ),
    (
        "euca-upload-bundle",
        &[
            NEW,
            NEW_UPLOAD,
            NEW_PROGRESS,
            "-m F --manifest F -d D --skipmanifest --part N",
        ],
    ),
    (
        "euca-download-bundle",
        &[
            NEW,
            SELECTOR,
            NEW_PROGRESS,
            "--local-manifest F -d - --destination D",
        ],
    ),
    (
        "euca-download-and-unbundle",
        &[
            NEW,
            SELECTOR,
            NEW_PROGRESS,
            "--local-manifest F -d - --destination D -k F --privatekey F",
        ],
    ),
    (
        "euca-delete-bundle",
        &[
            NEW,
            SELECTOR,
            "--local-manifest F --clear --delete-all-bundles",
        ],
    ),
    ("euca-check-bucket", &[NEW, "-b bucket --bucket bucket"]),
    (
        "euca-register",
        &[
            NEW,
            NEW_EC2,
            "bucket/K -n N --name N -d T --description T -a armhf --architecture x86_64 --kernel eki-00000001 --ramdisk eri-00000001 \
             --root-device-name D -s snap-1 --snapshot snap-1 -b sda=snap-1:1:true:io1:100 -b sdb=ephemeral0 -b sdc=none \
             --block-device-mapping sdd=:1 --virtualization-type paravirtual --platform windows",
        ],
    ),
    ("euca-deregister", &[NEW, NEW_EC2, "emi-00000001"]),
    (
        "euca-create-keypair",
        &[NEW, NEW_EC2, "mykey -f F --filename F"],
    ),
    (
        "euca-import-keypair",
        &[NEW, NEW_EC2, "mykey -f F --public-key-file F"],
    ),
    (
        "euca-describe-keypairs",
        &[
            NEW,
            NEW_EC2,
            "mykey --filter key-name=m* --filter fingerprint=x",
        ],
    ),
    ("euca-delete-keypair", &[NEW, NEW_EC2, "mykey"]),
    (
        "euca-run-instances",
        &[
            NEW,
            NEW_EC2,
            "emi-00000001 -n 1-2 --instance-count 2 -g default --group sg-00000001 -k K --key K --user-data-force D --addressing public \
             -t m1.small --instance-type m1.small -z Z --availability-zone Z --kernel eki-00000001 --ramdisk eri-00000001 \
             -b sdb=ephemeral0 --block-device-mapping sdc=none -m --monitor --disable-api-termination \
             --instance-initiated-shutdown-behavior stop --placement-group P --tenancy default --client-token T -s S --subnet S \
             --associate-public-ip-address true --private-ip-address A --secondary-address A --secondary-private-ip-address A \
             --secondary-count 1 -a I --network-interface I -p P --iam-profile P --ebs-optimized",
        ],
    ),
    (
        "euca-describe-instances",
        &[
            NEW,
            NEW_EC2,
            "i-00000001 --filter instance-state-name=running",
        ],
    ),
    (
        "euca-terminate-instances",
        &[NEW, NEW_EC2, "i-00000001 i-00000002"],
    ),
    ("euca-reboot-instances", &[NEW, NEW_EC2, "i-00000001"]),
    (
        "euca-get-console-output",
        &[NEW, NEW_EC2, "i-00000001 -r --raw-console-output"],
    ),
    (
        "euca-describe-instance-types",
        &[NEW, NEW_EC2, "m1.small --by-zone --show-capacity"],
    ),
    (
        "euca-describe-availability-zones",
        &[NEW, NEW_EC2, "verbose --filter state=available"],
    ),
    (
        "euca-create-group",
        &[
            NEW,
            NEW_EC2,
            "web -d D --description D -c vpc-1 --vpc vpc-1",
        ],
    ),
    (
        "euca-authorize",
        &[
            NEW,
            NEW_EC2,
            "sg-00000001 --egress -P tcp --protocol all -p 22 --port-range 22-23 -t -1:-1 --icmp-type-code -1:-1 -s 0.0.0.0/0 \
             --cidr 0.0.0.0/0 -u 000000000001",
        ],
    ),
    (
        "euca-revoke",
        &[
            NEW,
            NEW_EC2,
            "web --egress -P tcp -p 22 -o default -u 000000000001",
        ],
    ),
    (
        "euca-describe-groups",
        &[
            NEW,
            NEW_EC2,
            "web sg-00000001 --filter group-name=w* --filter ip-permission.cidr=0.0.0.0/0",
        ],
    ),
    ("euca-describe-group", &[NEW, NEW_EC2, "web"]),
    ("euca-delete-group", &[NEW, NEW_EC2, "web"]),
    (
        "euca-describe-image-attribute",
        &[
            NEW,
            NEW_EC2,
            "emi-00000001 -l --launch-permission -p --product-code -B --block-device-mapping --kernel --ramdisk --description",
        ],
    ),
    (
        "euca-modify-image-attribute",
        &[
            NEW,
            NEW_EC2,
            "emi-00000001 --description D -p C --product-code C -l --launch-permission -a all --add all -r 1 --remove 1",
        ],
    ),
    (
        "euca-reset-image-attribute",
        &[NEW, NEW_EC2, "emi-00000001 -l --launch-permission"],
    ),
    (
        "euca-describe-images",
        &[
            NEW,
            NEW_EC2,
            "emi-00000001 -a --all -o self --owner self -x 1 --executable-by 1 --filter tag:key=x --filter product-code.type=x \
             --filter block-device-mapping.volume-size=1",
        ],
    ),
];

const OF_THE_AMI_TOOLS: [(&str, &[&str]); 8] = [
    (
        "ec2-bundle-image",
        &[
            AMI,
            "-c F --cert F -k F --privatekey F -u 000000000001 --user X -i F --image F -d D --destination D --ec2cert F -r i386 \
             --arch x86_64 -p P --prefix P -B ami=sda1 --block-device-mapping ami=sda1 --kernel aki-00000001 --ramdisk ari-00000001 \
             --productcodes A,B --no-size-checks",
        ],
    ),
    (
        "ec2-bundle-vol",
        &[
            AMI,
            "-c F --cert F -k F --privatekey F -u 000000000001 --user X -d D --destination D --ec2cert F -r i386 --arch x86_64 -p P \
             --prefix P -B ami=sda1 --block-device-mapping ami=sda1 --kernel aki-00000001 --ramdisk ari-00000001 --productcodes A,B \
             -a --all -e A --exclude A,B -i A --include A --no-filter -s 100 --size 100 --inherit --no-inherit -v / --volume / -P none \
             --partition mbr -S F --script F --fstab F --generate-fstab --grub-config F --clone-only --no-size-checks",
        ],
    ),
    (
        "ec2-upload-bundle",
        &[
            AMI,
            AMI_S3,
            "-b bucket/P --bucket bucket -m F --manifest F --acl public-read -d D --directory D --part 3 --skipmanifest --location L",
        ],
    ),
    (
        "ec2-download-bundle",
        &[
            AMI,
            AMI_S3,
            "-b bucket --bucket bucket -k F --privatekey F -m M --manifest M -p P --prefix P -d D --directory D",
        ],
    ),
    (
        "ec2-unbundle",
        &[
            AMI,
            "-k F --privatekey F -m F --manifest F -s D --source D -d D --destination D",
        ],
    ),
    (
        "ec2-delete-bundle",
        &[
            AMI,
            AMI_S3,
            "-b bucket --bucket bucket -m F --manifest F -p P --prefix P --clear -y --yes",
        ],
    ),
    (
        "ec2-migrate-manifest",
        &[
            AMI,
            "-c F --cert F -k F --privatekey F -m F --manifest F -a A -s S --region R --no-mapping --ec2cert F --kernel aki-00000001 \
             --ramdisk ari-00000001",
        ],
    ),
    (
        "ec2-migrate-bundle",
        &[
            AMI,
            AMI_S3,
            "-c F --cert F -k F --privatekey F -m M --manifest M -b bucket --bucket bucket -d bucket --destination-bucket bucket --ec2cert F \
             --acl public-read --kernel aki-00000001 --ramdisk ari-00000001 --no-mapping",
        ],
    ),
];

/// Takes every flag and then prints help.
fn takes(program: &Program, name: &str, flags: &[&str]) {
    let words = flags.iter().flat_map(|flags| flags.split_whitespace());
    let arguments: Vec<_> = words.chain(["--help"]).collect();
    let outcome = program.called(name, &arguments);
    assert_eq!(outcome.code, Some(0), "{name}: {outcome:#?}");
    assert!(outcome.stdout.contains("Usage:"), "{name}: {outcome:#?}");
}

#[test]
fn no_flag_of_2010_is_refused() {
    let program = Program::new().with("GUMNUT_DIALECT", "2010");
    for (name, flags) in OF_2010 {
        takes(&program, name, flags);
    }
}

#[test]
fn no_flag_of_3_4_is_refused() {
    let program = Program::new().with("GUMNUT_DIALECT", "3.4");
    for (name, flags) in OF_3_4 {
        takes(&program, name, flags);
    }
}

#[test]
fn no_flag_of_the_ami_tools_is_refused() {
    let program = Program::new();
    for (name, flags) in OF_THE_AMI_TOOLS {
        takes(&program, name, flags);
        takes(&program, name, &["--manual"]);
    }
}

#[test]
fn every_name_is_in_a_table() {
    let program = Program::new();
    let _ = program.run(&["compat", "install", "links"]).succeeded();
    let tables = OF_2010.iter().chain(&OF_3_4).chain(&OF_THE_AMI_TOOLS);
    let mut names: Vec<_> = tables.map(|(name, _)| (*name).to_owned()).collect();
    names.sort();
    names.dedup();
    assert_eq!(names, Program::files(&program.path("links")));
}

#[test]
fn an_invented_flag_is_refused() {
    for name in ["euca-bundle-image", "ec2-bundle-image"] {
        let outcome = Program::new().called(name, &["--invented", "--help"]);
        assert_ne!(
            outcome.code,
            Some(0),
            "the tables prove nothing: {outcome:#?}"
        );
    }
}

#[test]
fn an_empty_column_is_told_when_that_is_asked_for() {
    let server = Server::start(|_, _| {
        let kernel = "<kernel><value>eki-90461381</value></kernel>";
        let answer = format!(
            "<DescribeImageAttributeResponse><imageId>emi-00000001</imageId>{kernel}</DescribeImageAttributeResponse>"
        );
        (200, answer)
    });
    let program = Program::new()
        .with("EC2_ACCESS_KEY", "A")
        .with("EC2_SECRET_KEY", "x")
        .with("EC2_URL", server.endpoint());
    let kernel = |more: &[&str]| {
        let arguments = [&["emi-00000001", "--kernel"][..], more].concat();
        let outcome = program.called("euca-describe-image-attribute", &arguments);
        outcome.succeeded().stdout
    };
    assert_eq!(kernel(&[]), "kernel\temi-00000001\t\teki-90461381\n");
    assert_eq!(
        kernel(&["--show-empty-fields"]),
        "kernel\temi-00000001\t(nil)\teki-90461381\n"
    );
}

#[test]
fn what_means_nothing_any_more_is_said() {
    let program = Program::new();
    let outcome = program.called("ec2-unbundle", &["--batch", "-k", "absent", "-m", "absent"]);
    let _ = outcome.saying(&["--batch is accepted and has no effect"]);
}
