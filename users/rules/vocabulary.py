"""The words that files use for permissions and languages, and how lists in cells are split."""

import re
import unicodedata

_PERMISSION_NAMES = {
    "": ["user", "users", "member", "none", "no", "standard user", "plain user", "用户", "普通用户",
         "无", "成员", "使用者", "一般使用者", "ユーザー", "なし"],
    "global_administrator": ["global admin", "company administrator", "全局管理员", "公司管理员",
                             "全域管理員", "グローバル管理者"],
    "user_administrator": ["user admin", "user management administrator", "user account administrator",
                           "用户管理员", "使用者管理員", "ユーザー管理者"],
    "helpdesk_administrator": ["helpdesk admin", "help desk administrator", "password administrator",
                               "支持管理员", "支持人员管理员", "帮助台管理员", "服务台管理员",
                               "密码管理员", "服務台系統管理員", "ヘルプデスク管理者"],
    "license_administrator": ["license admin", "licence administrator", "许可证管理员",
                              "授權管理員", "ライセンス管理者"],
    "billing_administrator": ["billing admin", "计费管理员", "账单管理员", "帳務管理員", "課金管理者"],
    "service_support_administrator": ["service support admin", "service administrator",
                                      "服务支持管理员", "服務支援管理員", "サービス サポート管理者"],
}  # fmt: skip

_LANGUAGES = {
    "zh-hans": ["zh", "zh-cn", "zh-sg", "zh-hans-cn", "chs", "chinese", "simplified chinese",
                "chinese (simplified)", "中文", "简体中文", "中文（简体）", "汉语", "简体", "中国語"],
    "en": ["en-us", "en-gb", "en-au", "eng", "english", "英文", "英语", "英語"],
}  # fmt: skip

_LIST = re.compile(r"[;；\n|]")
_LOOSE_LIST = re.compile(r"[;；\n|,，、+&]")


def plain(text: str) -> str:
    """The form in which texts are compared: without case, width, blanks and punctuation."""
    return re.sub(r"[\W_]+", "", unicodedata.normalize("NFKC", text).casefold())


_PERMISSION_INDEX = {
    plain(name): code
    for code, names in _PERMISSION_NAMES.items()
    for name in [code, *names]
    if name
}
# The names of administrators' permissions, for misspelled ones.
ADMINISTRATORS = [plain for plain, code in _PERMISSION_INDEX.items() if code]
# In roles that may be more than a plain user elsewhere.
WORDS_FOR_ADMINISTRATORS = (
    "admin", "amministrat", "superuser", "root", "owner", "inhaber", "eigentümer", "propriétaire",
    "propietari", "proprietári", "beheerder", "eigenaar", "administrátor", "správce", "ylläpitäjä",
    "rendszergazda", "yönetici", "админ", "владелец", "διαχειριστ", "quảntrị", "管理员", "管理員", "管理者", "관리자", "소유자", "所有者", "擁有者",
)  # fmt: skip
_LANGUAGE_INDEX = {
    plain(name): code for code, names in _LANGUAGES.items() for name in [code, *names]
}


def find_permission(text: str) -> str | None:
    """The code of a permission by its name: '' for a plain user, None where it is unknown."""
    return _PERMISSION_INDEX.get(plain(text))


def find_language(text: str) -> str | None:
    """The code of a language of the portal by its code or name."""
    return _LANGUAGE_INDEX.get(plain(text))


def split_list(text: str) -> list[str]:
    """Split a cell at semicolons, bars and line breaks."""
    return [part.strip() for part in _LIST.split(text) if part.strip()]


def split_loosely(text: str) -> list[str]:
    """Split a cell also at commas and plus signs, which names can contain."""
    return [part.strip() for part in _LOOSE_LIST.split(text) if part.strip()]
