//! What one file of the layers says and another relies on.

use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
};

pub(crate) const RECIPE: &str = "yocto-layer/meta-pump-remote/recipes-pump-remote/pump-remote/pump-remote_git.bb";
const LAYERS: [&str; 2] = ["yocto-layer/meta-pump-remote-bsp", "yocto-layer/meta-pump-remote"];
const BOARD: &str = "yocto-layer/meta-pump-remote-bsp/conf/machine/include/pump-remote-board.inc";
const CARD: &str = "yocto-layer/meta-pump-remote-bsp/files/wic/pump-remote-ab.wks.in";
const BOOT: &str = "yocto-layer/meta-pump-remote-bsp/recipes-bsp/rpi-u-boot-scr/files/boot.cmd.in";
const U_BOOT: &str = "yocto-layer/meta-pump-remote-bsp/recipes-bsp/u-boot/files/pump-remote-board";
const SLOTS: &str = "yocto-layer/meta-pump-remote/recipes-core/rauc/files/system.conf";
const DISTRO: &str = "yocto-layer/meta-pump-remote/conf/distro/pump-remote-os.conf";
const PASSWD: &str = "yocto-layer/meta-pump-remote/files/pump-remote-passwd";
const GROUP: &str = "yocto-layer/meta-pump-remote/files/pump-remote-group";

/// Groups that base-passwd of openembedded-core brings with numbers of their own.
const BASE_GROUPS: [&str; 5] = ["root", "video", "input", "tty", "disk"];
/// Users and groups that recipes of the image ask for; each without a number would drop its recipe, and BitBake says nothing.
const USERS: [&str; 3] = ["messagebus", "systemd-network", "sshd"];
const GROUPS: [&str; 6] = ["messagebus", "systemd-network", "sshd", "systemd-journal", "render", "empower"];

pub(crate) fn at(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..").join(path)
}

pub(crate) fn text(path: &str) -> String {
    fs::read_to_string(at(path)).unwrap_or_else(|error| panic!("{path}: {error}"))
}

fn files(below: &Path, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(below).unwrap_or_else(|error| panic!("{}: {error}", below.display())) {
        let path = entry.expect("a directory can be read").path();
        if path.is_dir() {
            files(&path, found);
        } else {
            found.push(path);
        }
    }
}

fn recipes() -> Vec<PathBuf> {
    let mut found = Vec::new();
    for layer in LAYERS {
        files(&at(layer), &mut found);
    }
    found.retain(|path| {
        path.extension().is_some_and(|extension| ["bb", "bbappend", "inc"].iter().any(|known| extension == *known))
    });
    found.sort();
    assert!(found.len() >= 14, "only {} recipes found", found.len());
    found
}

/// What a line gives a variable, at its first mention: `NAME ?= "value"`.
fn value(file: &str, name: &str) -> String {
    let text = text(file);
    let line = text.lines().find(|line| line.split([' ', '?', '=']).next() == Some(name));
    let line = line.unwrap_or_else(|| panic!("{file} says nothing of {name}"));
    line.split('"').nth(1).unwrap_or_else(|| panic!("{file}: {line}: no value")).to_string()
}

/// Each number of a table of users or groups, by name.
fn numbers(file: &str, field: usize) -> BTreeMap<String, u32> {
    let mut numbers = BTreeMap::new();
    for line in text(file).lines().filter(|line| !line.starts_with('#')) {
        let fields: Vec<_> = line.split(':').collect();
        let number: u32 = fields[field].parse().unwrap_or_else(|_| panic!("{file}: {line}: no number"));
        assert!((600..1000).contains(&number), "{file}: {line}: below are base-passwd's, above are people's");
        assert!(!numbers.values().any(|&known| known == number), "{file}: {line}: the number is another's");
        assert!(numbers.insert(fields[0].to_string(), number).is_none(), "{file}: {line}: twice");
    }
    numbers
}

#[test]
fn every_file_that_a_recipe_names_is_there() {
    let mut named = 0;
    for recipe in recipes() {
        let dir = recipe.parent().expect("a recipe lies in a directory");
        let mut below = Vec::new();
        files(dir, &mut below);
        let text = fs::read_to_string(&recipe).expect("a recipe is text");
        for word in text.split([' ', '"', ';', '\n']).filter_map(|word| word.strip_prefix("file://")) {
            // The product's own licence comes with its sources, the common ones with openembedded-core.
            if word == "LICENSE" || word.starts_with('$') {
                continue;
            }
            named += 1;
            assert!(below.iter().any(|path| path.ends_with(word)), "{}: {word} is not there", recipe.display());
        }
        for word in
            text.lines().filter_map(|line| line.strip_prefix("require ")).filter(|word| !word.starts_with("conf/"))
        {
            named += 1;
            assert!(dir.join(word).is_file(), "{}: {word} is not there", recipe.display());
        }
    }
    assert!(named >= 12, "only {named} files are named");
}

#[test]
fn every_line_of_an_append_is_for_our_machines_or_our_distribution() {
    for recipe in recipes().into_iter().filter(|path| path.extension().is_some_and(|extension| extension == "bbappend"))
    {
        let text = fs::read_to_string(&recipe).expect("a recipe is text");
        for line in text.lines().filter(|line| line.starts_with(|first: char| first.is_ascii_alphabetic())) {
            // A variable that nobody else knows harms nobody.
            let ours = [":pump-remote-", "PUMP_REMOTE_"]
                .iter()
                .any(|mark| line.split('=').next().unwrap_or(line).contains(mark));
            assert!(ours, "{}: {line}: changes everybody's build", recipe.display());
        }
    }
}

#[test]
fn every_user_and_group_has_a_number_that_is_its_own() {
    let (users, groups) = (numbers(PASSWD, 2), numbers(GROUP, 2));
    for line in text(PASSWD).lines().filter(|line| !line.starts_with('#')) {
        let fields: Vec<_> = line.split(':').collect();
        assert_eq!(fields.len(), 7, "{PASSWD}: {line}");
        assert_eq!(
            groups.get(fields[0]).map(u32::to_string).as_deref(),
            Some(fields[3]),
            "{line}: its group is another's"
        );
    }
    for user in USERS {
        assert!(users.contains_key(user), "{user} has no number");
    }
    for group in GROUPS {
        assert!(groups.contains_key(group), "{group} has no number");
    }
    for table in ["files/pump-remote-passwd", "files/pump-remote-group"] {
        assert!(text(DISTRO).contains(table), "{DISTRO} doesn't know {table}");
    }
    assert_eq!(value(DISTRO, "USERADD_ERROR_DYNAMIC"), "error");
}

/// What systemd's own table of users says, the image's must: it can't be made on a root that is read-only.
#[test]
fn the_image_has_the_users_and_groups_of_the_units() {
    let (users, groups, recipe) = (text(PASSWD), numbers(GROUP, 2), text(RECIPE));
    let mut checked = 0;
    for line in text("systemd/pump-remote.sysusers").lines().filter(|line| !line.starts_with('#')) {
        let fields: Vec<_> = line.split_whitespace().collect();
        let ([kind @ ("u" | "g"), name, ..], true) = (fields.as_slice(), line.len() > 3) else { continue };
        checked += 1;
        assert!(groups.contains_key(*name), "{name} has no number");
        assert!(recipe.contains(&format!("--system {name}")), "{RECIPE} makes no group {name}");
        if *kind == "u" {
            let (home, shell) = (fields[fields.len() - 2], fields[fields.len() - 1]);
            let row = users
                .lines()
                .find(|row| row.starts_with(&format!("{name}:")))
                .unwrap_or_else(|| panic!("{name} has no number"));
            assert!(
                row.ends_with(&format!(":{home}:{shell}")),
                "{PASSWD}: {row}; the units' table says {home} and {shell}"
            );
        }
    }
    assert!(checked >= 3, "only {checked} users and groups in the units' table");

    for unit in ["systemd/pump-remote.service", "systemd/pump-remote-fault.service"] {
        for line in text(unit).lines().filter_map(|line| line.strip_prefix("SupplementaryGroups=")) {
            for group in line.split_whitespace() {
                assert!(
                    groups.contains_key(group) || BASE_GROUPS.contains(&group),
                    "{unit}: the image has no group {group}"
                );
            }
        }
    }
}

/// What the recipe gives to systemd's class is a unit that `systemd/install` puts there.
#[test]
fn the_units_that_the_recipe_enables_are_there() {
    let units = value(RECIPE, "SYSTEMD_SERVICE:${PN}");
    for unit in units.split_whitespace() {
        let there = ["systemd", "systemd/image"].iter().any(|dir| at(dir).join(unit).is_file());
        assert!(there, "{unit} is not in systemd/");
        assert!(text("systemd/install").contains(unit), "systemd/install puts {unit} nowhere");
    }
    assert!(units.split_whitespace().count() >= 3, "{units}");
}

/// The self-test compares the program with a digest: of the file that goes into the package, stripped already and touched by nobody later.
#[test]
fn the_image_s_digest_is_of_the_program_that_is_packed() {
    let recipe = text(RECIPE);
    let digest = "${S}/systemd/digest ${D}${bindir}/pump-remote ${D}${datadir}/pump-remote/pump-remote.sha256";
    let install = recipe.split("do_install:append() {").nth(1).and_then(|rest| rest.split("\n}").next());
    assert!(install.is_some_and(|install| install.contains(digest)), "{RECIPE} installs no digest");
    for setting in ["INHIBIT_PACKAGE_STRIP", "INHIBIT_PACKAGE_DEBUG_SPLIT"] {
        assert_eq!(value(RECIPE, setting), "1", "{RECIPE}: {setting} lets the program be changed behind its digest");
    }
    let cargo = text("Cargo.toml");
    let release = cargo.split("\n[profile.release]\n").nth(1).and_then(|rest| rest.split("\n[").next());
    assert!(release.is_some_and(|profile| profile.contains("\nstrip = true\n")), "nobody strips the program");
}

/// The card's parts by their order: number, label, and whether it is a slot.
fn parts() -> Vec<(usize, String)> {
    let card = text(CARD);
    let label = |line: &str| line.split("--label ").nth(1).and_then(|rest| rest.split(' ').next()).map(String::from);
    card.lines()
        .filter(|line| line.starts_with("part "))
        .enumerate()
        .map(|(at, line)| (at + 1, label(line).expect("a label")))
        .collect()
}

#[test]
fn card_boot_script_and_update_mean_the_same_slots() {
    let parts = parts();
    assert_eq!(
        parts.iter().map(|(_, label)| label.as_str()).collect::<Vec<_>>(),
        ["boot", "rootfs-a", "rootfs-b", "data"]
    );

    let (slots, boot) = (text(SLOTS), text(BOOT));
    for (at, name) in [(2, "A"), (3, "B")] {
        let slot = format!("device=/dev/disk/by-partuuid/@DISK_ID@-0{at}\ntype=ext4\nbootname={name}\n");
        assert!(slots.contains(&slot), "{SLOTS}: slot {name} is not partition {at}");
        let part = format!("setenv slot {name}\n            setenv part {at}\n");
        assert!(boot.contains(&part), "{BOOT}: slot {name} is not partition {at}");
        assert!(boot.contains(&format!("BOOT_{name}_LEFT")), "{BOOT} doesn't count slot {name}'s attempts");
    }
    assert!(boot.contains("root=PARTUUID=@@DISK_ID@@-0${part} "), "{BOOT}");
    assert!(boot.contains("rauc.slot=${slot}"), "{BOOT} doesn't tell RAUC which slot it is");
    assert!(text(CARD).contains("--ptable msdos --diskid 0x${PUMP_REMOTE_DISK_ID}"), "{CARD}");
    assert_eq!(value(BOARD, "PUMP_REMOTE_DISK_ID"), value(DISTRO, "PUMP_REMOTE_DISK_ID"));

    for line in
        ["bundle-formats=-plain", "check-purpose=codesign", "min-bundle-version=@VERSION@", "data-directory=/data/rauc"]
    {
        assert!(slots.lines().any(|known| known == line), "{SLOTS}: no {line}");
    }
}

/// The data partition is found by its label: by a rule of the units, under the name that their mount uses.
#[test]
fn the_data_partition_is_the_one_that_is_mounted() {
    let (rules, mount) = (text("systemd/72-pump-remote.rules"), text("systemd/image/data.mount"));
    let label = &parts()[3].1;
    let rule = rules.lines().find(|line| line.contains(&format!("ENV{{ID_FS_LABEL}}==\"{label}\"")));
    let rule = rule.unwrap_or_else(|| panic!("no rule knows the label {label}"));
    let link = rule
        .split("SYMLINK+=\"")
        .nth(1)
        .and_then(|rest| rest.split('"').next())
        .expect("a rule that names the partition");
    assert!(
        mount.lines().any(|line| line == format!("What=/dev/{link}")),
        "data.mount mounts another than /dev/{link}"
    );
    for dir in ["pump-remote", "bluetooth", "journal", "rauc"] {
        assert!(text(RECIPE).contains(&format!("${{D}}/data/{dir}")), "{RECIPE}: a new card has no /data/{dir}");
    }
}

/// A full disk ends all doses, so pruning must begin before the disk is full: record, exports and journal at their largest fit.
#[test]
fn the_data_partition_has_room_for_all_that_may_grow_on_it() {
    let shifted = |file: &str, before: &str| -> u64 {
        let text = text(file);
        let rest = text.split(before).nth(1).unwrap_or_else(|| panic!("{file} says nothing of {before}"));
        let mut numbers = rest.split(|sign: char| !sign.is_ascii_digit()).filter(|digits| !digits.is_empty());
        let mut next = || -> u64 { numbers.next().and_then(|digits| digits.parse().ok()).expect("a number") };
        let (count, bits) = (next(), next());
        (count << bits) >> 20
    };
    let record = shifted("src/adapters/sqlite/store.rs", "const SIZE_MAX_BYTES: u64 =");
    let exports =
        shifted("src/shell/recorder.rs", "OF_A_CARD: Self = Self { prune_above_bytes: 1536 << 20, exports_bytes_max:");
    let journal = text("systemd/image/journald.conf");
    let journal = journal.lines().find_map(|line| line.strip_prefix("SystemMaxUse=")?.strip_suffix('M'));
    let journal: u64 = journal.and_then(|journal| journal.parse().ok()).expect("a bound of the journal");
    let data: u64 = value(BOARD, "PUMP_REMOTE_DATA_SIZE_MB").parse().expect("a number");
    // ext4 keeps a twentieth back for root; keys, bonds, the simulated pump and the record's log take little.
    let room = data - data / 20 - 16;
    assert!(record + exports + journal <= room, "{record} + {exports} + {journal} MiB in {room}");
}

#[test]
fn u_boot_and_the_system_keep_the_attempts_in_the_same_place() {
    let (config, system) = (text(&format!("{U_BOOT}/pump-remote.cfg")), text(&format!("{U_BOOT}/fw_env.config")));
    let setting = |name: &str| {
        let line = config.lines().find_map(|line| line.strip_prefix(&format!("CONFIG_ENV_{name}=")));
        line.unwrap_or_else(|| panic!("no CONFIG_ENV_{name}")).to_string()
    };
    let copies: Vec<_> = system.lines().filter(|line| line.starts_with("/dev/")).collect();
    let wanted = ["OFFSET", "OFFSET_REDUND"].map(|name| format!("/dev/mmcblk0 {} {}", setting(name), setting("SIZE")));
    assert_eq!(copies, wanted);
    let size = |text: String| u64::from_str_radix(text.trim_start_matches("0x"), 16).expect("a number");
    let (first, second, long) = (size(setting("OFFSET")), size(setting("OFFSET_REDUND")), size(setting("SIZE")));
    assert!(first + long <= second, "the copies overlap");
    // wic aligns the first partition to 4096 KiB.
    assert!(text(CARD).lines().filter(|line| line.starts_with("part ")).all(|line| line.contains("--align 4096 ")));
    assert!(second + long <= 4096 * 1024, "the second copy lies in the first partition");
}

/// A line of config.txt that is longer than 80 letters is cut by the firmware.
#[test]
fn the_overlays_that_a_board_asks_for_are_on_its_card() {
    let overlays = text(BOARD);
    let mut asked =
        vec![value(BOARD, "PUMP_REMOTE_DISPLAY"), value(BOARD, "PUMP_REMOTE_NO_WIFI"), value(BOARD, "PUMP_REMOTE_RTC")];
    for machine in ["pi4", "pi5", "zero2w"] {
        let file = format!("yocto-layer/meta-pump-remote-bsp/conf/machine/pump-remote-{machine}.conf");
        for line in text(&file).lines().filter(|line| line.starts_with("PUMP_REMOTE_")) {
            asked.push(line.split('"').nth(1).expect("a value").to_string());
        }
    }
    for overlay in asked.iter().filter(|overlay| !overlay.is_empty()) {
        assert!(overlay.len() + "dtoverlay=".len() <= 80, "{overlay} is too long a line");
        let file = format!("overlays/{}.dtbo", overlay.split(',').next().expect("a name"));
        assert!(overlays.contains(&file), "{BOARD}: {file} is not put on the card");
    }
}

/// Both layers say whom they are from and whom to tell of a hole.
#[test]
fn every_layer_says_what_yocto_check_layer_asks_for() {
    for layer in LAYERS {
        for file in ["README.md", "SECURITY.md", "LICENSE", "conf/layer.conf"] {
            assert!(!text(&format!("{layer}/{file}")).trim().is_empty(), "{layer}/{file} is empty");
        }
        assert!(text(&format!("{layer}/conf/layer.conf")).contains("= \"wrynose\""), "{layer} is for another release");
    }
}
