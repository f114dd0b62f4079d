//! The image of a guest that one can log in to: busybox and an ssh server, in a small ext3.

use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::{Path, PathBuf};

use crate::{Program, SmallImage, tool};

/// The image of a guest, with the kernel and the ramdisk that start it.
#[derive(Debug)]
pub struct GuestImage {
    /// 32 MiB of ext3 that fstab calls `/dev/vda1`.
    pub disk: PathBuf,
    /// Linux, and its ramdisk.
    pub small: SmallImage,
}

const SERVER: &str = "/usr/sbin/dropbear";
const APPLETS: [&str; 17] = [
    "cat", "echo", "hostname", "ifconfig", "ip", "ls", "mkdir", "mount", "nc", "ping", "reboot",
    "sh", "sleep", "swapon", "udhcpc", "uname", "wget",
];
const FILES: [(&str, &str); 7] = [
    ("etc/passwd", "root:x:0:0:root:/root:/bin/sh\n"),
    ("etc/shells", "/bin/sh\n"),
    ("etc/fstab", "/dev/vda1 / ext3 defaults 0 1\n"),
    (
        "etc/inittab",
        "::sysinit:/etc/init.d/rcS\n::ctrlaltdel:/sbin/reboot\n::shutdown:/bin/echo guest shuts down\n",
    ),
    (
        "etc/lease",
        "#!/bin/sh\n\
         case $1 in bound)\n\
         ifconfig $interface $ip netmask $subnet\n\
         ip route add default via $router\n\
         hostname $hostname\n\
         echo guest address $ip ;;\n\
         esac\n",
    ),
    ("etc/init.d/rcS", RC),
    ("etc/mark", "as it was\n"),
];
/// What runs at the start. What the kernel says goes between, so that each line of ours begins with a word of its own.
const RC: &str = "\
#!/bin/sh
mount -t proc proc /proc
mount -t sysfs sys /sys
mkdir -p /dev/pts
mount -t devpts devpts /dev/pts
mount -o remount,rw /
exec > /dev/console 2>&1
ifconfig lo 127.0.0.1
ifconfig eth0 up
udhcpc -i eth0 -q -n -t 20 -s /etc/lease
swapon /dev/vda3 && echo guest swaps
echo guest id $(wget -q -O - http://169.254.169.254/latest/meta-data/instance-id)
/usr/sbin/dropbear -R
echo guest is ready
";

impl GuestImage {
    /// Makes the image in the directory of a program. Needs dropbear, which `cargo xtask setup` installs.
    #[must_use]
    pub fn make(program: &Program) -> Self {
        let small = SmallImage::unpack(program);
        let tree = program.path("guest");
        for folder in [
            "bin",
            "dev",
            "etc/dropbear",
            "etc/init.d",
            "mnt",
            "proc",
            "root",
            "sbin",
            "sys",
            "tmp",
            "var/run",
        ] {
            fs_err::create_dir_all(tree.join(folder)).expect("a new directory");
        }
        let busybox = tree.join("bin/busybox");
        let request = format!("dump /bin/busybox {}", busybox.display());
        tool("debugfs", &["-R", &request, text(&small.disk)]);
        executable(&busybox);
        for applet in APPLETS {
            symlink("busybox", tree.join("bin").join(applet)).expect("a new link");
        }
        for name in ["init", "reboot"] {
            symlink("../bin/busybox", tree.join("sbin").join(name)).expect("a new link");
        }
        for (name, content) in FILES {
            let path = tree.join(name);
            fs_err::write(&path, content).expect("a new file");
            executable(&path);
        }
        let libraries = tool("ldd", &[SERVER]);
        let words = libraries.split_whitespace();
        for file in words.filter(|word| word.starts_with('/')).chain([SERVER]) {
            let target = tree.join(file.trim_start_matches('/'));
            let folder = target.parent().expect("a file is in a directory");
            fs_err::create_dir_all(folder).expect("a new directory");
            fs_err::copy(file, target)
                .expect("dropbear is installed: apt-get install dropbear-bin");
        }
        let disk = program.path("guest.img");
        let file = fs_err::File::create(&disk).expect("a new file");
        file.set_len(32 << 20).expect("there is room");
        // What kernels of today and e2fsprogs of any age agree on.
        let options = [
            "-q",
            "-F",
            "-t",
            "ext3",
            "-J",
            "size=1",
            "-d",
            text(&tree),
            text(&disk),
        ];
        tool("mke2fs", &options);
        Self { disk, small }
    }
}

fn executable(path: &Path) {
    fs_err::set_permissions(path, PermissionsExt::from_mode(0o755)).expect("it is ours");
}

fn text(path: &Path) -> &str {
    path.to_str().expect("the path is text")
}
