"""What a column of a file means: the names that portals and people give to each field."""

import re
import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from partners.names import clean_text
from users.rules.fields import LABELS

# Read, and then left alone: a notice says so.
PASSWORD = "password"
# Other systems' columns that have no place here.
NOT_KEPT = "not_kept"
# What a result file says about each row; no notice needed.
RESULT = "result"
# Whose person it is; read only from a file for many customers.
CUSTOMER = "customer"
# The user name where no other column is, else the contact address.
EMAIL = "email"

IDENTITY = frozenset({"user_name", "display_name", "first_name", "last_name", EMAIL})

# The first name of each language is the one that the template uses.
NAMES: dict[str, dict[str, Sequence[str]]] = {
    "user_name": {
        "en": ["User name", "Username", "User principal name", "UPN", "Sign-in name", "Login",
               "Login name", "Logon name", "Account", "Account name", "User", "User ID", "Alias",
               "Primary email", "Email address [Required]", "Local part", "Mailbox"],
        "zh-hans": ["用户名", "用户名称", "用户主体名称", "登录名", "登录帐号", "登录账号", "帐户",
                    "账户", "帐号", "账号", "用户帐号", "用户账号", "别名"],
        "zh-hant": ["使用者名稱", "用戶名", "用戶名稱", "使用者主體名稱", "登入名稱", "登入帳號", "帳戶", "帳號", "別名"],
        "ja": ["ユーザー名", "ユーザ名", "ユーザープリンシパル名", "ログイン名", "アカウント"],
    },
    "last_name": {
        "en": ["Last name", "Surname", "Family name", "Lastname", "SN"],
        "zh-hans": ["姓", "姓氏"],
        "zh-hant": ["姓"],
        "ja": ["姓", "苗字", "名字（姓）"],
    },
    "first_name": {
        "en": ["First name", "Given name", "Forename", "Christian name", "Firstname"],
        "zh-hans": ["名", "名字"],
        "zh-hant": ["名"],
        "ja": ["名"],
    },
    "display_name": {
        "en": ["Display name", "Full name", "Name", "Common name", "Person", "Employee name"],
        "zh-hans": ["显示名称", "显示名", "姓名", "全名", "名称", "员工姓名", "人员"],
        "zh-hant": ["顯示名稱", "全名", "姓名", "名稱", "員工姓名"],
        "ja": ["表示名", "氏名", "名前", "フルネーム"],
    },
    "domain": {
        "en": ["Domain", "Domain name", "Email domain"],
        "zh-hans": ["域", "域名", "邮箱域名"],
        "zh-hant": ["網域", "網域名稱", "域名"],
        "ja": ["ドメイン", "ドメイン名"],
    },
    "location": {
        "en": ["Usage location", "Location", "Country", "Country or region", "Country/Region",
               "Country code"],
        "zh-hans": ["使用位置", "使用地点", "位置", "国家", "国家或地区", "国家/地区", "国家地区"],
        "zh-hant": ["使用位置", "位置", "國家", "國家或地區", "國家/地區", "國家地區"],
        "ja": ["利用場所", "使用場所", "国", "国または地域", "国/地域"],
    },
    "products": {
        "en": ["Licenses", "License", "Licence", "Licences", "Product", "Products", "SKU", "SKUs",
               "Part number", "Part numbers", "Subscription", "Subscriptions", "New licenses",
               "Assigned licenses", "Assigned products"],
        "zh-hans": ["许可证", "许可", "产品", "产品许可证", "产品编号", "订阅", "授权"],
        "zh-hant": ["授權", "產品", "產品授權", "訂閱"],
        "ja": ["ライセンス", "製品", "サブスクリプション"],
    },
    "permissions": {
        "en": ["Permissions", "Permission", "Role", "Roles", "Admin role", "Admin roles"],
        "zh-hans": ["权限", "角色", "管理员角色"],
        "zh-hant": ["權限", "角色", "系統管理員角色"],
        "ja": ["権限", "アクセス許可", "役割", "ロール"],
    },
    "job_title": {
        "en": ["Job title", "Title", "Position", "Employee title"],
        "zh-hans": ["职务", "职位", "职称", "岗位", "头衔"],
        "zh-hant": ["職稱", "職務", "職位"],
        "ja": ["役職", "職務"],
    },
    "department": {
        "en": ["Department", "Dept", "Division", "Team", "Business unit"],
        "zh-hans": ["部门", "科室", "所属部门"],
        "zh-hant": ["部門"],
        "ja": ["部署", "部門", "所属"],
    },
    "phone": {
        "en": ["Phone", "Phone number", "Office phone", "Work phone", "Telephone",
               "Telephone number", "Business phone", "Mobile phone", "Mobile", "Mobile number",
               "Cell phone", "Recovery phone [Must be in the E.164 format]", "Recovery phone",
               "Home phone"],
        "zh-hans": ["电话", "电话号码", "联系电话", "办公电话", "办公室电话", "移动电话", "手机",
                    "手机号", "手机号码"],
        "zh-hant": ["電話", "電話號碼", "聯絡電話", "辦公室電話", "行動電話", "手機"],
        "ja": ["電話", "電話番号", "会社電話", "携帯電話", "携帯"],
    },
    "contact_email": {
        "en": ["Contact address", "Contact email", "Contact e-mail", "Alternate email",
               "Alternate email address", "Alternative email", "Alternative email address",
               "Secondary email", "Private email", "Personal email", "Recovery email",
               "Home secondary email", "Work secondary email", "Other mails", "Other email",
               "External email"],
        "zh-hans": ["联系邮箱", "联系电子邮件", "联系人邮箱", "备用邮箱", "备用电子邮件",
                    "备用电子邮件地址", "备用电子邮件地址", "私人邮箱", "个人邮箱"],
        "zh-hant": ["聯絡信箱", "備用電子郵件", "備用電子郵件地址", "聯絡電子郵件"],
        "ja": ["連絡先メール", "連絡用メール", "代替メール アドレス", "予備のメール アドレス"],
    },
    "language": {
        "en": ["Language", "Preferred language", "Locale"],
        "zh-hans": ["语言", "首选语言", "界面语言"],
        "zh-hant": ["語言", "慣用語言"],
        "ja": ["言語", "使用言語"],
    },
    EMAIL: {
        "en": ["Email", "E-mail", "Email address", "E-mail address", "Mail", "Work email"],
        "zh-hans": ["邮箱", "电子邮件", "电子邮箱", "邮件地址", "电子邮件地址", "邮箱地址", "邮件"],
        "zh-hant": ["電子郵件", "電子郵件地址", "信箱", "電郵"],
        "ja": ["メール", "メールアドレス", "電子メール", "Eメール"],
    },
    CUSTOMER: {
        "en": ["Customer", "Customer name", "Company", "Company name", "Organization",
               "Organisation", "Tenant", "Tenant name", "Client"],
        "zh-hans": ["客户", "客户名称", "公司", "公司名称", "组织", "单位", "租户"],
        "zh-hant": ["客戶", "客戶名稱", "公司", "公司名稱", "組織"],
        "ja": ["顧客", "顧客名", "会社", "会社名", "組織"],
    },
    PASSWORD: {
        "en": ["Password", "Initial password", "Temporary password", "Password [Required]",
               "Password hash function [Upload only]", "Password hash function", "Passwort"],
        "zh-hans": ["密码", "初始密码", "临时密码", "口令"],
        "zh-hant": ["密碼", "初始密碼"],
        "ja": ["パスワード", "初期パスワード"],
    },
    RESULT: {
        "en": ["Status update", "Error", "Errors", "Result", "Line"],
        "zh-hans": ["错误", "结果", "状态更新", "行"],
        "zh-hant": ["錯誤", "結果", "狀態更新", "行"],
        "ja": ["エラー", "結果"],
    },
    NOT_KEPT: {
        "en": ["Office number", "Office", "Fax", "Fax number", "Address", "Street address", "City",
               "State or province", "State", "ZIP or postal code", "Postal code", "ZIP",
               "Org unit path", "Org unit path [Required]", "Home address", "Work address",
               "Employee ID", "Employee type", "Manager email", "Cost center", "Building ID",
               "Floor name", "Floor section", "New status [Upload only]", "New primary email",
               "New primary email [Upload only]", "Change password at next sign-in",
               "Advanced protection program enrollment", "Last sign in [Read only]",
               "2sv enforced [Read only]", "Email usage [Read only]", "Drive usage [Read only]",
               "Storage limit [Read only]", "Status [Read only]", "2sv enrolled [Read only]",
               "Block sign in (Yes/No)", "Block sign in", "Usage", "Manager", "Object ID"],
        "zh-hans": ["办公室号码", "办公室", "传真", "传真号码", "地址", "街道地址", "城市", "省",
                    "省/市/自治区", "州或省", "州/省", "邮政编码", "邮编", "经理", "工号"],
        "zh-hant": ["辦公室號碼", "辦公室", "傳真", "地址", "城市", "縣市", "州或省", "郵遞區號"],
        "ja": ["事業所の電話番号", "FAX", "住所", "市区町村", "都道府県", "郵便番号"],
    },
}  # fmt: skip

# Entra puts the property's name in brackets, whatever language stands before it.
_ENTRA = {
    "displayname": "display_name", "userprincipalname": "user_name", "givenname": "first_name",
    "surname": "last_name", "jobtitle": "job_title", "department": "department",
    "usagelocation": "location", "telephonenumber": "phone", "mobile": "phone",
    "mobilephone": "phone", "businessphones": "phone", "othermails": "contact_email",
    "mail": "contact_email", "preferredlanguage": "language", "passwordprofile": PASSWORD,
    "password": PASSWORD, "accountenabled": NOT_KEPT, "streetaddress": NOT_KEPT,
    "state": NOT_KEPT, "country": NOT_KEPT, "physicaldeliveryofficename": NOT_KEPT,
    "city": NOT_KEPT, "postalcode": NOT_KEPT, "usertype": NOT_KEPT, "employeeid": NOT_KEPT,
    "manager": NOT_KEPT, "companyname": CUSTOMER, "objectid": NOT_KEPT,
}  # fmt: skip

_IN_BRACKETS = re.compile(r"\[\s*([A-Za-z]+)\s*\]\s*\S*\s*$")


@dataclass(frozen=True)
class Column:
    """A column of a file: its place from 0, its header, and the field it holds ('' if unknown)."""

    position: int
    header: str
    field: str


@dataclass(frozen=True)
class Header:
    """What a line means as the header: its columns, its language, whose file it is."""

    columns: tuple[Column, ...]
    language: str
    source: str

    @property
    def fields(self) -> frozenset[str]:
        """The fields that will be read."""
        return frozenset(column.field for column in self.columns) & LABELS.keys()

    @property
    def known(self) -> int:
        """How many of the columns mean something."""
        return sum(1 for column in self.columns if column.field)


def template_names(language: str) -> dict[str, str]:
    """What the template calls each field in a language."""
    return {field: NAMES[field][language][0] for field in LABELS}


def plain_header(header: str) -> str:
    """A header as headers are compared: without case, width, blanks and marks of duty."""
    text = unicodedata.normalize("NFKC", header).casefold()
    text = re.sub(
        r"\[(required|upload only|read only|必需|必填)\]|\((required|optional|必填|选填|可选)\)",
        "",
        text,
    )
    return re.sub(r"[\W_]+", "", text)


def _index() -> dict[str, tuple[str, frozenset[str]]]:
    index: dict[str, tuple[str, frozenset[str]]] = {}
    for field, languages in NAMES.items():
        for language, headers in languages.items():
            for header in [field, *headers] if language == "en" else headers:
                known = index.get(plain_header(header))
                of = known[1] if known else frozenset()
                index[plain_header(header)] = (known[0] if known else field, of | {language})
    return index


_INDEX = _index()


def has_meaning(plain: str) -> bool:
    """Whether a header, in its plain form, says by itself what its column holds."""
    return plain in _INDEX


def read_header(cells: Sequence[str], said: Mapping[str, str] | None = None) -> Header | None:
    """
    Read a line as the header of a file of people; None if it is not one.

    What members said of columns counts more than what the names mean: the field, or '' to leave
    it out, by the plain form of the header.
    """
    found = [_meaning(cell, said or {}) for cell in cells]
    fields = {field for field, _ in found}
    if not fields & IDENTITY:
        return None
    filled = sum(1 for cell in cells if cell.strip())
    known = sum(1 for field, _ in found if field)
    # One known word among many is a title or a person, not a header.
    if known < 2 and filled > 1 and not any(plain_header(cell) in (said or {}) for cell in cells):
        return None
    email = "contact_email" if "user_name" in fields else "user_name"
    columns = tuple(
        Column(position, clean_text(cell), email if field == EMAIL else field)
        for position, (cell, (field, _)) in enumerate(zip(cells, found, strict=True))
    )
    return Header(columns, _language(found), _source(cells, columns))


def _meaning(cell: str, said: Mapping[str, str]) -> tuple[str, frozenset[str]]:
    if said and (plain := plain_header(cell)) in said:
        # Left out on purpose, so that nothing need be said about it.
        return said[plain] or RESULT, frozenset()
    bracketed = _IN_BRACKETS.search(cell)
    if bracketed and bracketed[1].lower() in _ENTRA:
        before = _INDEX.get(plain_header(cell[: bracketed.start()]))
        return _ENTRA[bracketed[1].lower()], before[1] if before else frozenset()
    return _INDEX.get(plain_header(cell), ("", frozenset()))


def _language(found: list[tuple[str, frozenset[str]]]) -> str:
    # A name that only one language has counts for more than one that several share.
    votes = dict.fromkeys(("en", "zh-hans", "zh-hant", "ja"), 0.0)
    for _field, languages in found:
        for language in languages:
            votes[language] += 1 / len(languages)
    return max(votes, key=votes.__getitem__)


def _source(cells: Sequence[str], columns: Sequence[Column]) -> str:
    lower = [cell.casefold() for cell in cells]
    plain = {plain_header(cell) for cell in cells}
    if any((match := _IN_BRACKETS.search(cell)) and match[1].lower() in _ENTRA for cell in cells):
        return "entra"
    if any("[required]" in cell for cell in lower) or "orgunitpath" in plain:
        return "google"
    if "statusupdate" in plain:
        return "partner_center"
    address = {plain_header(name) for names in NAMES[NOT_KEPT].values() for name in names}
    fields = {column.field for column in columns}
    if "user_name" in fields and len(plain & address) >= 3:
        return "microsoft_365"
    return "portal"
