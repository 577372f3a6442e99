import pickle
import re
import uuid
from types import SimpleNamespace

import pytest
from django.core.exceptions import ImproperlyConfigured
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from tools.places import make_keys
from users import passwords


@pytest.fixture(autouse=True)
def keys(settings, tmp_path):
    settings.KEYS_DIR = tmp_path / "keys"
    make_keys(settings.KEYS_DIR)
    return settings.KEYS_DIR


def test_temporary_passwords_are_four_groups_and_all_different():
    made = [secret.reveal() for secret in passwords.make_temporary_passwords(5000)]

    assert len(set(made)) == 5000
    group = "[0-9a-hjkmnp-tv-z]{4}"
    assert all(re.fullmatch(f"{group}-{group}-{group}-{group}", text) for text in made)


def test_temporary_passwords_use_every_letter_equally():
    text = "".join(secret.reveal() for secret in passwords.make_temporary_passwords(4000))

    counts = [text.count(letter) for letter in passwords.ALPHABET]

    assert min(counts) > 1700
    assert max(counts) < 2300


def test_no_users_get_no_temporary_passwords():
    assert passwords.make_temporary_passwords(0) == []


@pytest.mark.parametrize(
    "typed",
    [
        "7k2m-01xy-9abc-defg",
        "7K2M 01XY 9ABC DEFG",
        "7k2mo1xy9abcdefg",
        "7K2M-OLXY-9ABC-DEFG",
        "７Ｋ２Ｍ—０１ＸＹ—９ＡＢＣ—ＤＥＦＧ",
        "  7k2m-0ixy-9abc-defg\n",
    ],
)
def test_temporary_password_is_recognized_in_every_spelling(typed):
    (stored,) = passwords.hash_temporary(["7k2m-01xy-9abc-defg"])

    assert passwords.verify_temporary(typed, stored)


def test_a_wrong_temporary_password_is_refused():
    right, other = passwords.make_temporary_passwords(2)
    stored, _ = passwords.hash_temporary([right, other])

    assert passwords.verify_temporary(right.reveal(), stored)
    assert not passwords.verify_temporary(other.reveal(), stored)
    assert not passwords.verify_temporary("", stored)


@pytest.mark.parametrize(
    "stored", ["", "temp1", "temp1$$$", "$$$", "temp1$00000000$00$00", "é$$é$é"]
)
def test_a_broken_hash_opens_to_nothing(stored):
    assert not passwords.verify_temporary("", stored)
    assert not passwords.verify_temporary("7k2m-01xy-9abc-defg", stored)


@given(st.text(max_size=300))
@hypothesis_settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=50)
def test_anything_may_be_typed_for_a_temporary_password(typed):
    (stored,) = passwords.hash_temporary(["7k2m-01xy-9abc-defg"])

    assert passwords.verify_temporary(typed, stored) is False


def test_hash_fits_column_without_password():
    secrets = passwords.make_temporary_passwords(3)

    hashes = passwords.hash_temporary(secrets)

    assert all(len(text) <= 200 for text in hashes)
    assert len({text.split("$")[2] for text in hashes}) == 3
    assert secrets[0].reveal().replace("-", "") not in hashes[0]


def test_the_same_password_has_another_hash_each_time():
    assert len(set(passwords.hash_temporary(["7k2m-01xy-9abc-defg"] * 3))) == 3


def test_an_older_key_still_verifies_and_opens(settings, keys, tmp_path):
    secret = passwords.make_temporary_passwords(1)
    stored = passwords.hash_temporary(secret)[0]
    batch_key = passwords.new_batch_key()
    sealed = passwords.seal(batch_key, secret, ["here"])
    settings.KEYS_DIR = tmp_path / "rotated"
    make_keys(settings.KEYS_DIR)
    for name in passwords.KEY_FILES:
        new = (settings.KEYS_DIR / name).read_text()
        (settings.KEYS_DIR / name).write_text(new + (keys / name).read_text())

    assert passwords.verify_temporary(secret[0].reveal(), stored)
    assert passwords.open_sealed(batch_key, sealed, ["here"]) == secret
    assert passwords.hash_temporary(secret)[0].split("$")[1] != stored.split("$")[1]


def test_another_key_verifies_and_opens_nothing(settings, tmp_path):
    secret = passwords.make_temporary_passwords(1)
    stored = passwords.hash_temporary(secret)[0]
    batch_key = passwords.new_batch_key()
    sealed = passwords.seal(batch_key, secret, ["here"])
    settings.KEYS_DIR = tmp_path / "other"
    make_keys(settings.KEYS_DIR)

    assert not passwords.verify_temporary(secret[0].reveal(), stored)
    with pytest.raises(passwords.CannotOpen):
        passwords.open_sealed(batch_key, sealed, ["here"])


def test_missing_keys_are_reported_with_their_file(settings, tmp_path):
    settings.KEYS_DIR = tmp_path / "nothing"

    with pytest.raises(ImproperlyConfigured, match=r"hash\.key"):
        passwords.hash_temporary(["x"])


@pytest.mark.parametrize("content", ["", "c2hvcnQ=", "not base64!"])
def test_a_broken_key_file_is_refused(settings, tmp_path, content):
    settings.KEYS_DIR = tmp_path / "broken"
    settings.KEYS_DIR.mkdir()
    (settings.KEYS_DIR / "seal.key").write_text(content)

    with pytest.raises(ImproperlyConfigured):
        passwords.new_batch_key()


def test_a_sealed_password_opens_in_its_place_only():
    batch_key = passwords.new_batch_key()
    secrets = passwords.make_temporary_passwords(2)
    places = passwords.contexts(SimpleNamespace(partner_id="p", pk="b"), [(1, "u"), (2, "u")])

    sealed = passwords.seal(batch_key, secrets, places)

    assert passwords.open_sealed(batch_key, sealed, places) == secrets
    assert all(secrets[0].reveal().encode() not in data for data in sealed)
    with pytest.raises(passwords.CannotOpen):
        passwords.open_sealed(batch_key, sealed, places[::-1])
    with pytest.raises(passwords.CannotOpen):
        passwords.open_sealed(passwords.new_batch_key(), sealed, places)


def test_sealed_bytes_can_be_memoryviews():
    batch_key = passwords.new_batch_key()
    (sealed,) = passwords.seal(batch_key, [passwords.Secret("x")], ["here"])

    assert passwords.open_sealed(batch_key, [memoryview(sealed)], ["here"])[0].reveal() == "x"


@pytest.mark.parametrize("position", [0, 5, 12, 20, -1])
def test_a_changed_byte_is_noticed(position):
    batch_key = passwords.new_batch_key()
    (sealed,) = passwords.seal(batch_key, ["secret"], ["here"])
    changed = bytearray(sealed)
    changed[position] ^= 1

    with pytest.raises(passwords.CannotOpen):
        passwords.open_sealed(batch_key, [bytes(changed)], ["here"])


@pytest.mark.parametrize("batch_key", ["", "dek1", "dek1$$", "dek1$00000000$AAAA", "x$y$z"])
def test_a_broken_batch_key_opens_nothing(batch_key):
    with pytest.raises(passwords.CannotOpen):
        passwords.open_sealed(batch_key, [b""], ["here"])


def test_a_wiped_batch_key_text_opens_nothing():
    batch_key = passwords.new_batch_key()
    sealed = passwords.seal(batch_key, ["secret"], ["here"])

    with pytest.raises(passwords.CannotOpen):
        passwords.open_sealed(batch_key[:-8] + "AAAAAAA=", sealed, ["here"])


def test_secrets_and_places_must_be_as_many():
    with pytest.raises(ValueError, match="zip"):
        passwords.seal(passwords.new_batch_key(), ["a", "b"], ["here"])


def test_a_secret_shows_stars_everywhere():
    secret = passwords.Secret("hidden")

    shown = [str(secret), repr(secret), f"{secret}", f"{secret:>5}", "%s" % secret, repr([secret])]  # noqa: UP031

    assert [text.strip() for text in shown] == ["***"] * 5 + ["[***]"]
    assert b"hidden" not in pickle.dumps(secret)
    assert not isinstance(secret, str)
    assert secret.reveal() == "hidden"
    assert {secret} == {passwords.Secret("hidden")}
    assert secret != "hidden"


def test_a_chosen_password_is_verified():
    stored = passwords.hash_chosen("a quiet river runs é")

    assert stored.startswith("$argon2id$v=19$m=19456,t=2,p=1$")
    assert passwords.verify_chosen("a quiet river runs e\u0301", stored)
    assert not passwords.verify_chosen("a quiet river runs e", stored)
    assert not passwords.verify_chosen("x" * 100_000, stored)
    assert not passwords.verify_chosen("anything", "")
    assert not passwords.verify_chosen("anything", "temp1$a$b$c")


@pytest.mark.parametrize(
    "password",
    ["correct horse battery staple", "我们明天早上八点在公园门口见面吧", "blue-lamp-over-7-chairs"],
)
def test_a_good_password_has_no_problems(password):
    assert passwords.check_chosen(password, user_name="amy.parker@contoso.com") == []


@pytest.mark.parametrize(
    ("password", "said"),
    [
        ("short one", "15 characters"),
        ("x" * 257, "256 characters"),
        ("aaaaaaaaaaaaaaaa", "harder to guess"),
        ("password12345678", "harder to guess"),
        ("Password!!!20262026", "harder to guess"),
        ("abc123abc123abc123", "harder to guess"),
        ("qwertyuiopasdfgh", "harder to guess"),
        ("123456789012345678", "harder to guess"),
        ("amy.parker@contoso.com", "your name"),
        ("AmyParker20261122", "your name"),
        ("parker-amy-parker", "your name"),
    ],
)
def test_a_bad_password_is_refused_with_the_reason(password, said):
    problems = passwords.check_chosen(
        password, user_name="amy.parker@contoso.com", names=["Amy Parker"]
    )

    assert len(problems) == 1
    assert said in str(problems[0])


def test_a_customer_may_ask_for_longer_passwords():
    (problem,) = passwords.check_chosen("correct horse battery", minimum=24)

    assert "24 characters" in str(problem)


def test_the_temporary_password_may_not_be_kept():
    secret = passwords.make_temporary_passwords(1)[0]
    stored = passwords.hash_temporary([secret])[0]

    (problem,) = passwords.check_chosen(secret.reveal().upper(), temporary_hash=stored)

    assert "temporary" in str(problem)


def test_a_link_token_is_derived_from_the_link():
    one, other = uuid.uuid4(), uuid.uuid4()

    assert passwords.link_token(one) == passwords.link_token(one)
    assert passwords.link_token(one) != passwords.link_token(other)
    assert re.fullmatch(r"[A-Za-z0-9_-]{32}", passwords.link_token(one))
    assert re.fullmatch(r"[0-9a-f]{64}", passwords.link_token_hash(passwords.link_token(one)))
    assert one.hex not in passwords.link_token(one)
