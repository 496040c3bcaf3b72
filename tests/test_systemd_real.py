"""The units, started by a real systemd that is booted for it in namespaces of its own."""

from __future__ import annotations

import json
import time

import pytest
from daemon_helpers import KEY, wait_until
from key_hunt import OTHER_KEY
from systemd_helpers import CONFIG, FOUR, SOURCE, SRV, configuration, install

_MAKE_DNG = """
import sys
sys.path.insert(0, sys.argv[1])
from PIL import Image
from raw_helpers import make_dng
data = make_dng(Image.new("RGB", (320, 240), "teal"))
open(sys.argv[2], "wb").write(data)
"""

pytestmark = pytest.mark.slow


def watches(guest, unit="captiond"):
    """Return how many directories the service's process has under watch."""
    pid = guest.show(unit, "MainPID")
    told = guest.out("bash", "-c", f"cat /proc/{pid}/fdinfo/* 2>/dev/null || true")
    return told.count("inotify wd:")


def test_it_is_started_when_every_folder_is_under_watch(guest):
    """Systemd calls it "activating" until then, and "active" with the status in words after it."""
    guest.run("bash", "-ec", "umask 002; mkdir -p /srv/photos/{1..100}/{1..80}")
    guest.run("systemctl", "start", "--no-block", "captiond")
    seen = []
    while not seen or seen[-1] == "activating":
        seen.append(guest.show("captiond", "ActiveState"))
    assert (seen[0], seen[-1]) == ("activating", "active")
    assert watches(guest) >= 8100
    guest.wait_for_files(guest.drop("/srv/photos/100/80", "china.jpg"))
    guest.wait_for("captiond", StatusText="1 captioned")


def test_sidecars_belong_to_the_service_and_to_the_photos_group(guest):
    """In a folder with the set-group-ID bit the group can change them; strangers can read them."""
    guest.start()
    [sidecar] = guest.drop("/srv/photos", "china.jpg")
    guest.wait_for_files([sidecar])
    assert guest.out("stat", "-c", "%U:%G %a", sidecar) == "captiond:photos 664"
    assert guest.out("stat", "-c", "%U %a", "/var/lib/captiond") == "captiond 700"
    assert "seccomp:" not in guest.journal("captiond"), "the unit's filter forbids the decoders'"


def test_raw_pixels_and_names_of_places_come_through_the_units_walls(guest):
    """LibRaw develops in a confined child; the gazetteer is loaded without writable code."""
    guest.start()
    sidecars = guest.drop("/srv/photos", "gps.jpg")
    guest.run("/opt/captiond/bin/python3", "-c", _MAKE_DNG, f"{SOURCE}/tests", "/srv/photos/a.dng")
    guest.wait_for_files([*sidecars, "/srv/photos/a.dng.txt"])
    assert "places.unnamed" not in guest.journal("captiond")
    assert "decoder.unconfined" not in guest.journal("captiond")
    asked = ("runuser", "-u", "captiond", "--", "captiond", "show", "/srv/photos/gps.jpg", "--json")
    assert json.loads(guest.out(*asked))["place"]


def test_photos_under_home_are_captioned_and_the_rest_of_home_stays_hidden(guest):
    """ProtectHome=tmpfs with BindPaths= shows the service one folder of /home and no other."""
    pictures = "/home/anna/Pictures"
    guest.run("install", "-d", "-m", "2775", "-o", "anna", "-g", "photos", pictures)
    guest.write(CONFIG, configuration(pictures))
    lines = ("SupplementaryGroups=photos", "ProtectHome=tmpfs", f"BindPaths={pictures}")
    guest.drop_in("captiond", *lines, f"NoExecPaths={pictures}")
    guest.start()
    [sidecar] = guest.drop(pictures, "china.jpg")
    guest.wait_for_files([sidecar])
    assert guest.out("stat", "-c", "%U:%G %a", sidecar) == "captiond:photos 664"
    inside = ("nsenter", "--mount", "--target", guest.show("captiond", "MainPID"))
    assert guest.out(*inside, "ls", "-A", "/home/anna") == "Pictures"


def test_after_kill_9_it_is_restarted_and_goes_on(guest):
    """The new process finds what was dropped before, between and after."""
    guest.start()
    before = guest.drop("/srv/photos", "china.jpg")
    guest.wait_for_files(before)
    guest.run("systemctl", "kill", "--signal=KILL", "captiond")
    between = guest.drop("/srv/photos", "flower.jpg")
    guest.wait_for("captiond", NRestarts="1", ActiveState="active")
    after = guest.drop("/srv/photos", "rocket.jpg")
    guest.wait_for_files([*between, *after])


def test_a_blocked_daemon_is_killed_by_the_watchdog_and_restarted(guest):
    """A main process that does nothing at all for WatchdogSec is replaced by one that works."""
    guest.drop_in("captiond", *SRV, "RestartSec=100ms", "WatchdogSec=5", "TimeoutAbortSec=1")
    guest.start()
    guest.run("systemctl", "kill", "--kill-who=main", "--signal=STOP", "captiond")
    guest.wait_for("captiond", NRestarts="1", ActiveState="active")
    assert "Watchdog timeout" in guest.journal("captiond")
    guest.wait_for_files(guest.drop("/srv/photos", "china.jpg"))


def test_a_reload_with_other_folders_loses_nothing_in_flight(guest):
    """Photos that are asked about are finished, once; a new folder is watched from then on."""
    guest.write(CONFIG, configuration("/srv/photos/old", gemini=True))
    guest.run("install", "-d", "-m", "2775", "-g", "photos", "/srv/photos/old", "/srv/photos/new")
    guest.serve_gemini("--latency", "1")
    guest.start()
    sidecars = guest.drop("/srv/photos/old", *FOUR)
    wait_until(lambda: guest.counters()["in_flight"], what="a request")
    guest.write(CONFIG, configuration("/srv/photos/old", "/srv/photos/new", gemini=True))
    guest.run("systemctl", "reload", "captiond")
    sidecars += guest.drop("/srv/photos/new", "coffee.webp")
    guest.wait_for_files(sidecars)
    assert guest.counters()["requests"] == len(sidecars)
    assert guest.show("captiond", "NRestarts") == "0"


def test_a_reload_with_a_wrong_configuration_changes_nothing(guest):
    """It is told in the journal, and the folders stay watched."""
    guest.start()
    guest.write(CONFIG, "[watch]\nsettle_seconds = 'soon'\n")
    guest.run("systemctl", "reload", "captiond")
    wait_until(lambda: "config.rejected" in guest.journal("captiond"), what="config.rejected")
    guest.wait_for_files(guest.drop("/srv/photos", "china.jpg"))
    assert guest.show("captiond", "ActiveState") == "active"


def test_a_stop_lets_the_photos_in_flight_finish(guest):
    """`systemctl stop` returns within the drain time, and what was asked about has its sidecar."""
    guest.write(CONFIG, configuration("/srv/photos", gemini=True))
    guest.serve_gemini("--latency", "5")
    guest.start()
    guest.wait_for_files(guest.drop("/srv/photos", FOUR[0]))  # only then are there more slots
    sidecars = guest.drop("/srv/photos", *FOUR[1:])
    wait_until(lambda: guest.counters()["in_flight"] == 3, what="three requests")
    started = time.monotonic()
    guest.run("systemctl", "stop", "captiond")
    assert time.monotonic() - started < 30
    guest.run("ls", *sidecars)
    assert guest.show("captiond", "Result") == "success"
    assert guest.show("captiond", "ExecMainStatus") == "0"


def test_a_wrong_configuration_is_no_reason_to_start_again(guest):
    """It ends in 78, once."""
    guest.write(CONFIG, "[watch]\nsettle_second = 1\n[[folders]]\npath = '/srv/photos'\n")
    assert guest.run("systemctl", "start", "captiond", check=False).returncode == 1
    guest.wait_for("captiond", ActiveState="failed", ExecMainStatus="78", NRestarts="0")
    assert "settle_seconds" in guest.journal("captiond")


def test_a_missing_key_is_no_reason_to_start_again(guest):
    """It ends in 243, once, before the program starts."""
    guest.drop_in("captiond", "LoadCredential=", "LoadCredential=gemini-api-key:/etc/none")
    assert guest.run("systemctl", "start", "captiond", check=False).returncode == 1
    guest.wait_for("captiond", ActiveState="failed", ExecMainStatus="243", NRestarts="0")


def test_the_key_is_for_the_service_alone(guest):
    """Others can read neither file nor credential; its own account not its memory either."""
    guest.write(CONFIG, configuration("/srv/photos", gemini=True))
    guest.serve_gemini()
    guest.start()
    guest.wait_for_files(guest.drop("/srv/photos", "china.jpg"))
    file, folder = "/etc/captiond/gemini-api-key", "/run/credentials/captiond.service"
    handed = f"{folder}/gemini-api-key"
    inside = ("nsenter", "--mount", "--target", guest.show("captiond", "MainPID"))
    assert guest.out("runuser", "-u", "captiond", "--", "cat", handed) == KEY
    assert guest.out(*inside, "stat", "-c", "%a %A", handed).startswith("4")
    for person in ("anna", "nobody"):
        for path in (file, handed, folder):
            assert guest.run("runuser", "-u", person, "--", "head", path, check=False).returncode
    process = f"/proc/{guest.show('captiond', 'MainPID')}"
    for path in (file, f"{process}/environ", f"{process}/mem", f"{process}/maps"):
        assert guest.run("runuser", "-u", "captiond", "--", "cat", path, check=False).returncode


def test_verbs_beside_the_service_find_its_index(guest):
    """With the index named in the configuration, `status` as the service's user tells of it."""
    guest.write(CONFIG, configuration("/srv/photos", index="/var/lib/captiond/index.db"))
    guest.start()
    guest.wait_for_files(guest.drop("/srv/photos", "china.jpg"))
    status = ("runuser", "-u", "captiond", "--", "captiond", "status", "--json")
    wait_until(lambda: json.loads(guest.out(*status))["photos"]["captioned"] == 1, what="a caption")


def test_instances_run_side_by_side(guest):
    """Each has its own configuration, key and index, and knows nothing of the other's photos."""
    photos = {"family": "china.jpg", "studio": "rocket.jpg"}
    keys = {"family": KEY, "studio": OTHER_KEY}
    for port, (name, photo) in enumerate(photos.items(), start=8101):
        url = f"http://127.0.0.1:{port}"
        guest.serve_gemini("--api-key", keys[name], unit=f"gemini-{name}", url=url)
        folder = f"/srv/photos/{name}"
        guest.run("install", "-d", "-m", "2775", "-g", "photos", folder)
        place = f"/var/lib/captiond/{name}/index.db"
        text = configuration(folder, gemini=True, index=place, url=url)
        guest.write(f"/etc/captiond/{name}.toml", text)
        guest.write(f"/etc/captiond/{name}.gemini-api-key", keys[name], mode="600")
        guest.drop_in(f"captiond@{name}", "SupplementaryGroups=photos", f"ReadWritePaths={folder}")
        guest.start(f"captiond@{name}")
        guest.wait_for_files(guest.drop(folder, photo), f"captiond@{name}")
    for name, photo in photos.items():
        assert guest.show(f"captiond@{name}", "ActiveState") == "active"
        ask = ("captiond", "--config", f"/etc/captiond/{name}.toml", "show")
        known = [
            guest.run(*ask, f"/srv/photos/{of}/{it}", check=False).returncode == 0
            for of, it in photos.items()
        ]
        assert known == [it == photo for it in photos.values()]
        inside = ("nsenter", "--mount", "--target", guest.show(f"captiond@{name}", "MainPID"))
        read = (*inside, "setpriv", "--reuid=captiond", "--clear-groups", "cat")
        seen = [
            guest.run(*read, f"/run/credentials/captiond@{of}.service/gemini-api-key", check=False)
            for of in photos
        ]
        assert [one.stdout for one in seen] == [keys[name] if of == name else "" for of in photos]
    guest.run("systemctl", "stop", *(f"captiond@{name}" for name in photos))
    guest.run("systemctl", "stop", *(f"gemini-{name}" for name in photos))


def test_the_user_unit_runs_without_root(guest):
    """Under a user's own systemd it captions her photos, and can write to her home alone."""
    photos, units = "/home/anna/Photos", "/home/anna/.config/systemd/user"
    run = f"user/{guest.out('id', '-u', 'anna')}"
    environment = ("HOME=/home/anna", f"XDG_RUNTIME_DIR=/run/{run}")
    anna = ("runuser", "-u", "anna", "--", "env", *environment)
    properties = (
        "--uid=anna",
        "-pDelegate=yes",
        f"-pRuntimeDirectory={run}",
        f"-E{environment[1]}",
    )
    manager = ("--quiet", "--unit=manager", *properties, "/lib/systemd/systemd", "--user")
    guest.run("systemd-run", *manager)
    listening = ("test", "-S", f"/run/{run}/systemd/private")
    wait_until(lambda: guest.run(*listening, check=False).returncode == 0, what="her systemd")
    program = "mkdir -p ~/Photos ~/.local/bin; ln -s /opt/captiond/bin/captiond ~/.local/bin/"
    guest.run(*anna, "bash", "-ec", program)
    drop_in = f"mkdir -p {units}/captiond.service.d; cat > {units}/captiond.service.d/test.conf"
    guest.run(*anna, "bash", "-ec", drop_in, given="[Service]\nExecPaths=/opt/captiond\n")

    install(guest, "For one user", *anna)
    guest.write("/home/anna/.config/captiond/config.toml", configuration(photos))
    guest.run(*anna, "systemctl", "--user", "restart", "captiond")
    [sidecar] = guest.drop(photos, "china.jpg")
    guest.wait_for_files([sidecar], "manager")

    assert guest.out("stat", "-c", "%U:%G %a", sidecar) == "anna:anna 644"
    state = guest.out("stat", "-c", "%U %a", "/home/anna/.local/state/captiond")
    assert state == "anna 700"
    asked = ("systemctl", "--user", "show", "--value", "-p", "MainPID", "captiond")
    mounts = guest.out("cat", f"/proc/{guest.out(*anna, *asked)}/mountinfo").splitlines()
    options = {line.split()[4]: line.split()[5].split(",") for line in mounts}
    assert {"ro", "noexec"} <= set(options["/"])
    assert {"rw", "noexec"} <= set(options["/home/anna"])
    guest.run("systemctl", "stop", "manager")
