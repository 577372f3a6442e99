"""What people write for permissions and languages, and how a list in one cell is cut."""

import re
import unicodedata

from django.utils.translation import gettext_lazy as _

# The codes of users.models.UserPermission, which this pure part may not import.
PERMISSIONS = {
    "global_administrator": _("Global administrator"),
    "user_administrator": _("User administrator"),
    "helpdesk_administrator": _("Helpdesk administrator"),
    "license_administrator": _("License administrator"),
    "billing_administrator": _("Billing administrator"),
    "service_support_administrator": _("Service support administrator"),
}

_PERMISSION_NAMES = {
    "": ["user", "users", "member", "none", "no", "standard user", "plain user", "用户", "普通用户",
         "无", "成员", "使用者", "一般使用者", "ユーザー", "なし"],
    "global_administrator": ["global admin", "company administrator", "全局管理员", "公司管理员",
                             "全域管理員", "グローバル管理者"],
    "user_administrator": ["user admin", "user management administrator", "user account administrator",
                           "用户管理员", "使用者管理員", "ユーザー管理者"],
    "helpdesk_administrator": ["helpdesk admin", "help desk administrator", "password administrator",
                               "支持人员管理员", "帮助台管理员", "服务台管理员", "密码管理员",
                               "服務台系統管理員", "ヘルプデスク管理者"],
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
    """A text as it is compared: without case, width, blanks and punctuation."""
    return re.sub(r"[\W_]+", "", unicodedata.normalize("NFKC", text).casefold())


_PERMISSION_INDEX = {
    plain(name): code
    for code, names in _PERMISSION_NAMES.items()
    for name in [code, *names]
    if name
}
_LANGUAGE_INDEX = {
    plain(name): code for code, names in _LANGUAGES.items() for name in [code, *names]
}


def find_permission(text: str) -> str | None:
    """The code of a permission by its name; '' is a plain user, None is unknown."""
    return _PERMISSION_INDEX.get(plain(text))


def find_language(text: str) -> str | None:
    """The code of one of our languages by its code or name."""
    return _LANGUAGE_INDEX.get(plain(text))


def split_list(text: str) -> list[str]:
    """Cut a cell at semicolons and the like."""
    return [part.strip() for part in _LIST.split(text) if part.strip()]


def split_loosely(text: str) -> list[str]:
    """Cut a cell at commas and plus signs too, which names may contain."""
    return [part.strip() for part in _LOOSE_LIST.split(text) if part.strip()]
