//! What a target may be: however a disk is packed, its bundle is that of the bare disk, or it is refused before anything is sent,
//! by the run and by a dry run alike.

use gumnut_tests::{Cloud, FaultProxy, Program, tool};

use crate::images::{root, whole_disk};

/// Runs a shell command in the directory of a program.
fn sh(program: &Program, command: &str) {
    let folder = program.folder().display().to_string();
    let inside = format!("cd '{folder}'; {command}");
    tool("sh", &["-e", "-c", &inside]);
}

/// A client whose requests are counted.
fn client(cloud: &Cloud) -> (Program, FaultProxy) {
    let proxy = FaultProxy::start(cloud.endpoint());
    let to = proxy.endpoint();
    let program = cloud
        .client()
        .with("S3_URL", format!("{to}/services/objectstorage"))
        .with("EC2_URL", format!("{to}/services/compute"));
    (program, proxy)
}

#[test]
fn a_disk_is_published_the_same_however_it_is_packed() {
    let cloud = Cloud::start();
    let program = cloud.client();
    root(&program);
    let raw = fs_err::read(program.path("root.img")).unwrap();
    for (command, target, image) in [
        (
            "qemu-img convert -c -O qcow2 root.img disk.qcow2; tar -czf a.tar.gz disk.qcow2",
            "a.tar.gz",
            "disk.qcow2",
        ),
        (
            "tar -cjf b.tar.bz2 --sparse root.img",
            "b.tar.bz2",
            "root.img",
        ),
        (
            "xz -k root.img; head -c 512 /dev/zero >> root.img.xz",
            "root.img.xz",
            "root.img.xz",
        ),
        (
            "lz4 -q root.img root.img.lz4",
            "root.img.lz4",
            "root.img.lz4",
        ),
        (
            "qemu-img convert -O vmdk -o subformat=streamOptimized root.img disk.vmdk; tar -cf c.ova disk.vmdk",
            "c.ova",
            "disk.vmdk",
        ),
        (
            "mkdir folder; zstd -q disk.qcow2 -o folder/disk.qcow2.zst",
            "folder",
            "disk.qcow2.zst",
        ),
    ] {
        sh(&program, command);
        let bucket = format!("packed-{}", target.replace('.', "-"));
        let publish = ["publish", target, "--no-register", "--bucket", &bucket];
        let _ = program
            .run(&[publish.as_slice(), &["--dry-run"]].concat())
            .succeeded();
        let _ = program.run(&publish).succeeded();
        let manifest = format!("{bucket}/{image}.manifest.xml");
        let _ = program
            .run(&["fetch", &manifest, "-o", &format!("{bucket}.img")])
            .succeeded();
        let back = fs_err::read(program.path(&format!("{bucket}.img"))).unwrap();
        assert!(back == raw, "{target}");
    }
}

#[test]
fn what_the_run_refuses_a_dry_run_refuses_with_the_same_words_and_nothing_is_sent() {
    let cloud = Cloud::start();
    let (program, proxy) = client(&cloud);
    root(&program);
    sh(
        &program,
        "echo 'hello, world' > text; : > empty; printf 'PK\\003\\004 and so on' > disk.zip; echo '<html>404</html>' > page.img
         gzip -c root.img > whole.gz; head -c -50 whole.gz > cut.img.gz; (cat whole.gz; echo junk) > junk.img.gz
         qemu-img create -q -f qcow2 -b root.img -F raw evil.qcow2; tar -czf evil.tar.gz evil.qcow2
         tar -cf two.tar root.img whole.gz; gzip -c text > text.gz; tar -czf inner.tar.gz text
         printf 'XFSB' > xfs.img; truncate -s 8M xfs.img; truncate -s 8M zero.img; gzip -k zero.img",
    );
    for (arguments, words) in [
        ("text", "is a text file, not the image of a disk"),
        ("empty", "is empty"),
        ("disk.zip", "is a zip archive"),
        ("page.img", "is an HTML page"),
        ("cut.img.gz", "cannot be decompressed with gzip"),
        ("junk.img.gz", "something else follows"),
        ("evil.tar.gz", "backing file"),
        ("two.tar", "root.img"),
        ("text.gz", "is a text file"),
        ("inner.tar.gz", "inner.tar.gz"),
        ("zero.img.gz", "did not pass their checks"),
        ("root.img --size 1M", "more than the 1 MiB asked for"),
        ("xfs.img --arch x86_64 --size 16M", "xfs_growfs"),
        (
            "root.img --kernel-file text",
            "is a text file, not a kernel",
        ),
    ] {
        let publish = format!("publish {arguments} --bucket refused --no-register");
        let publish: Vec<_> = publish.split(' ').collect();
        let dry = program
            .run(&[publish.as_slice(), &["--dry-run"]].concat())
            .failed(3)
            .saying(&[words]);
        let run = program.run(&publish).failed(3).saying(&[words]);
        assert_eq!(dry.stdout, run.stdout, "{arguments}");
    }
    assert!(
        !proxy.log().iter().any(|line| line.starts_with("PUT")),
        "{:?}",
        proxy.log()
    );
}

#[test]
fn bundling_agrees_with_publishing_on_what_is_no_image() {
    let program = Program::with_keys();
    root(&program);
    sh(
        &program,
        "echo text > text; printf 'PK\\003\\004 and so on' > disk.zip; printf 070701 > ramdisk; tar -cf tar root.img
         gzip -c root.img > cut; head -c -9 cut > cut.gz",
    );
    for (image, words) in [
        ("text", "is a text file, not the image of a disk"),
        ("disk.zip", "is a zip archive"),
        ("ramdisk", "is a ramdisk (cpio), not the image of a disk"),
        ("tar", "is a tarball, not the image of a disk"),
        ("cut.gz", "cannot be decompressed"),
    ] {
        let _ = program
            .run(&["bundle", image, "--arch", "i386", "-d", "out"])
            .failed(3)
            .saying(&[words]);
        assert!(!program.path("out").exists(), "{image}");
    }
    let _ = program
        .run(&[
            "bundle", "text", "--kind", "kernel", "--arch", "i386", "-d", "out",
        ])
        .failed(3)
        .saying(&["is a text file, not a kernel"]);
    // Any bytes can be downloaded anyway.
    sh(&program, "gzip -k root.img");
    let _ = program
        .run(&["bundle", "root.img.gz", "--arch", "i386", "-d", "out"])
        .succeeded();
    let _ = program
        .run(&["unbundle", "out/root.img.gz.manifest.xml", "-o", "back.img"])
        .succeeded();
    let (back, raw) = (program.path("back.img"), program.path("root.img"));
    assert!(fs_err::read(back).unwrap() == fs_err::read(raw).unwrap());
}

#[test]
fn paths_below_the_current_directory_are_shown_as_the_user_writes_them() {
    let cloud = Cloud::start();
    let program = cloud.client();
    root(&program);
    sh(
        &program,
        "mkdir sub; tar -czf sub/good.tar.gz root.img; head -c 4000 sub/good.tar.gz > sub/cut.tar.gz",
    );
    let here = program.folder().display().to_string();
    for (target, shown) in [
        ("sub/good.tar.gz", "unpacking sub/good.tar.gz ("),
        ("sub/cut.tar.gz", "`sub/cut.tar.gz`"),
    ] {
        // The whole path is understood, too, and shown in the same way.
        for target in [target.to_owned(), format!("{here}/{target}")] {
            let options = ["--no-register", "--ignore-checks", "--force"];
            let outcome = program.run(&[&["publish", &target][..], &options].concat());
            assert!(outcome.stderr.contains(shown), "{target}: {outcome:#?}");
            let is_named_by_us = outcome.stderr.contains(&here) && !target.starts_with('/');
            assert!(!is_named_by_us, "{target}: {outcome:#?}");
        }
    }
}

/// The cloud is asked whether it would register the image before it is known what is inside.
#[test]
fn a_whole_disk_needs_no_kernel_however_it_is_packed() {
    let cloud = Cloud::start();
    let program = cloud.client();
    whole_disk(&program, "disk.img", &root(&program));
    for (command, target) in [
        ("true", "disk.img"),
        (
            "qemu-img convert -O qcow2 disk.img disk.qcow2",
            "disk.qcow2",
        ),
        ("qemu-img convert -O vdi disk.img disk.vdi", "disk.vdi"),
        ("xz -k disk.img", "disk.img.xz"),
        ("gzip -k disk.qcow2", "disk.qcow2.gz"),
        ("tar -czf disk.tar.gz disk.qcow2", "disk.tar.gz"),
    ] {
        sh(&program, command);
        let publish = ["publish", target, "--prefix", target, "--bucket", "disks"];
        let _ = program
            .run(&[&publish[..], &["--dry-run"]].concat())
            .succeeded();
        let _ = program.run(&publish).succeeded();
    }
    let images = program.json(&["images"]);
    let images = images["images"].as_array().unwrap();
    assert_eq!(images.len(), 6);
    assert!(
        images
            .iter()
            .all(|image| image["virtualization_type"] == "hvm")
    );
}

#[test]
fn what_cannot_be_unpacked_is_refused_with_the_reason() {
    let cloud = Cloud::start();
    let (program, proxy) = client(&cloud);
    whole_disk(&program, "disk.img", &root(&program));
    for (command, target, reason) in [
        (
            "qemu-img convert -O qcow2 disk.img a.qcow2; truncate -s -200K a.qcow2",
            "a.qcow2",
            "it is damaged or truncated",
        ),
        (
            "qemu-img convert -O vdi disk.img a.vdi; truncate -s -1M a.vdi",
            "a.vdi",
            "it is damaged or truncated",
        ),
        (
            "qemu-img convert -O vmdk -o subformat=streamOptimized disk.img a.vmdk; truncate -s -8K a.vmdk",
            "a.vmdk",
            "a.vmdk",
        ),
        (
            "qemu-img convert -O qcow2 disk.img b.qcow2; truncate -s -200K b.qcow2; tar -cf b.tar b.qcow2",
            "b.tar",
            "it is damaged or truncated",
        ),
        (
            "qemu-img create -q -f qcow2 -b disk.img -F raw backed.qcow2",
            "backed.qcow2",
            "it has a backing file",
        ),
        ("xz -kc disk.img | head -c -40 > cut.xz", "cut.xz", "xz"),
        ("truncate -s 4M swap; mkswap -q swap", "swap", "swap space"),
    ] {
        sh(&program, &format!("PATH=$PATH:/sbin; {command}"));
        let publish = ["publish", target, "--arch", "x86_64", "--bucket", "refused"];
        for options in [&["--dry-run"][..], &[]] {
            let outcome = program.run(&[&publish[..], options].concat());
            let _ = outcome.failed(3).saying(&[reason]);
        }
    }
    let sent = proxy.log();
    assert!(
        !sent.iter().any(|line| line.starts_with("PUT")),
        "{sent:#?}"
    );
}
