"""Where keys and passwords lie."""

import base64

from tools import places


def test_keys_are_made_once(tmp_path):
    folder = tmp_path / "keys"

    first = places.make_keys(folder)
    kept = {path.name: path.read_text() for path in folder.iterdir()}

    assert places.make_keys(folder) == first
    assert {path.name: path.read_text() for path in folder.iterdir()} == kept
    assert sorted(kept) == ["django.key", "hash.key", "link.key", "seal.key"]
    assert [len(base64.b64decode(kept[name])) for name in sorted(kept)] == [48, 32, 32, 32]
    assert len(set(kept.values())) == 4


def test_keys_and_passwords_are_for_their_owner_alone(tmp_path):
    folder = tmp_path / "keys"

    places.make_keys(folder)
    places.read_passwords(folder)

    assert folder.stat().st_mode & 0o777 == 0o700
    assert {path.stat().st_mode & 0o777 for path in folder.iterdir()} == {0o600}


def test_passwords_stay_and_differ(tmp_path):
    passwords = places.read_passwords(tmp_path / "keys")

    assert places.read_passwords(tmp_path / "keys") == passwords
    assert len(set(passwords.values())) == len(passwords) == 5


def test_unreachable_place_is_replaced_and_remembered(monkeypatch, tmp_path):
    monkeypatch.setattr(places, "may_enter", lambda path, account: False)

    place = places.find_place(tmp_path, None)
    try:
        assert tmp_path not in place.parents
        assert place.stat().st_mode & 0o777 == 0o711
        assert places.find_place(tmp_path, None) == place
    finally:
        place.rmdir()
