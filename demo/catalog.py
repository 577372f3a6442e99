"""What the demo's partner sells, to whom, and who works there."""

from dataclasses import dataclass, field

from partners.roles import Role

# Known to everybody who reads this file; members with it exist only where LOCAL_DEMO is set.
PASSWORD = "demo halden 2026"

PARTNER = ("halden", "Halden Cloud Services")
RIVAL = ("rival", "CANARY Rival Hosting")


@dataclass(frozen=True)
class Colleague:
    """A member of the partner's staff; `customers` limits what they see."""

    name: str
    email: str
    role: Role
    customers: tuple[str, ...] = ()
    language: str = ""
    time_zone: str = "Europe/London"


MEMBERS = (
    Colleague("Mira Sand", "mira.sand@halden.example", Role.OWNER),
    Colleague("Jonas Lindqvist", "jonas.lindqvist@halden.example", Role.ADMIN_AGENT),
    Colleague("Tao Wei", "tao.wei@halden.example", Role.HELPDESK_AGENT, (), "zh-hans", "Asia/Shanghai"),
    Colleague("Sofia Reyes", "sofia.reyes@halden.example", Role.SALES_AGENT),
    Colleague("Ruth Okello", "ruth.okello@halden.example", Role.READER),
    Colleague(
        "Liam Byrne",
        "liam.byrne@halden.example",
        Role.HELPDESK_AGENT,
        ("orchard-foods", "kestrel-logistics"),
    ),
)  # fmt: skip

RIVAL_MEMBER = Colleague("CANARY Owner", "owner@rival.example", Role.OWNER)


@dataclass(frozen=True)
class Offer:
    """A product of the catalog."""

    name: str
    part_number: str
    description: str
    plans: tuple[str, ...]
    requires: tuple[str, ...] = ()
    excludes: tuple[str, ...] = ()
    not_sold_in: tuple[str, ...] = ()


PRODUCTS = (
    Offer("Business Basic", "CFQ7-BB", "Mail and web apps",
          ("Mail 50 GB", "Web apps", "Meetings", "File storage"),
          excludes=("Business Standard", "Enterprise E3")),
    Offer("Business Standard", "CFQ7-BS", "Mail, web and desktop apps",
          ("Mail 50 GB", "Web apps", "Desktop apps", "Meetings", "File storage", "Bookings"),
          excludes=("Enterprise E3",)),
    Offer("Enterprise E3", "CFQ7-E3", "Everything of Business Standard, for large customers",
          ("Mail 100 GB", "Desktop apps", "Meetings", "File storage", "Archive", "Device control")),
    Offer("Education A1", "CFQ7-A1", "For schools and universities",
          ("Mail 50 GB", "Web apps", "Classroom", "File storage"), excludes=("Enterprise E3",)),
    Offer("Visio Plan 2", "CFQ7-V2", "Drawing on the desktop", ("Drawing", "Drawing on the web")),
    Offer("Calling Plan", "CFQ7-CP", "Telephone numbers and minutes", ("Telephone",),
          requires=("Business Standard",), not_sold_in=("CN", "RU", "IN")),
    Offer("Defender P1", "CFQ7-D1", "Protection of devices", ("Virus protection", "Safe links")),
)  # fmt: skip


@dataclass(frozen=True)
class Bought:
    """A subscription: seats, and how many of them are assigned."""

    product: str
    seats: int
    assigned: int
    state: str = "active"
    # Days from now, negative for the past.
    renews_in: int | None = 200


@dataclass(frozen=True)
class Company:
    """A customer of the demo."""

    slug: str
    name: str
    domains: tuple[str, ...]
    users: int
    scripts: dict[str, int] = field(default_factory=lambda: {"english": 6, "accents": 2})
    location: str = "GB"
    language: str = "en"
    contact: tuple[str, str] = ("", "")
    bought: tuple[Bought, ...] = ()
    deleted: int = 0
    blocked: int = 0
    state: str = "active"
    fields: dict = field(default_factory=dict)


WORLD = {
    "english": 10, "accents": 5, "chinese": 3, "japanese": 1, "arabic": 2, "cyrillic": 2,
    "greek": 1, "hindi": 2, "tamil": 1,
}  # fmt: skip

CUSTOMERS = (
    Company(
        "brightwater-schools", "Brightwater Schools",
        ("brightwater.example", "staff.brightwater.example", "alumni.brightwater.example"),
        20_000, WORLD, contact=("Edith Fairbanks", "it@brightwater.example"),
        bought=(Bought("Education A1", 19_500, 18_800), Bought("Business Standard", 900, 871),
                Bought("Visio Plan 2", 60, 22, renews_in=12), Bought("Calling Plan", 50, 18)),
        deleted=240, blocked=64, fields={"password_days": 14},
    ),
    Company(
        "jiangnan-design", "江南设计院", ("jiangnan.example", "sheji.jiangnan.example"), 214,
        {"chinese": 40, "english": 1}, "CN", "zh-hans", ("周丽娟", "zhou@jiangnan.example"),
        (Bought("Business Standard", 220, 204), Bought("Visio Plan 2", 80, 80)), 9, 3,
    ),
    Company(
        "sunrise-clinics", "Sunrise Clinics", ("sunrise-clinics.example", "labs.sunrise.example"),
        420, {"english": 4, "hindi": 4, "tamil": 2}, "IN", "en",
        ("Priya Sharma", "admin@sunrise-clinics.example"),
        (Bought("Enterprise E3", 380, 380), Bought("Defender P1", 400, 255)), 14, 6,
        fields={"may_mail_passwords": True, "retention_days": 90},
    ),
    Company(
        "kestrel-logistics", "Kestrel Logistics", ("kestrel.example", "kestrel-fleet.example"),
        168, contact=("Fergus Baxter", "it@kestrel.example"),
        bought=(Bought("Business Basic", 120, 112), Bought("Visio Plan 2", 10, 4, renews_in=5)),
        deleted=6, blocked=4,
    ),
    Company(
        "orchard-foods", "Orchard Foods", ("orchard-foods.example",), 96,
        contact=("Tabitha Northcott", "office@orchard-foods.example"),
        bought=(Bought("Business Basic", 100, 61), Bought("Business Standard", 30, 24)),
        deleted=5, blocked=2, fields={"password_days": 7},
    ),
    Company(
        "cafe-lumiere", "Café Lumière", ("cafe-lumiere.example", "lumiere.example"), 38,
        {"accents": 5, "english": 1}, "FR", "en", ("Renée Dvořák", "renee@cafe-lumiere.example"),
        (Bought("Business Basic", 40, 33, "grace", -6),), 2, 1,
    ),
    Company(
        "aegean-shipping", "Αιγαίο Ναυτιλιακή", ("aegean.example",), 74, {"greek": 5, "english": 1},
        "GR", "en", ("Ελένη Ιωάννου", "eleni@aegean.example"),
        (Bought("Business Standard", 80, 71), Bought("Calling Plan", 20, 9)), 3,
    ),
    Company(
        "severny-mayak", "Северный Маяк", ("mayak.example", "port.mayak.example"), 131,
        {"cyrillic": 6, "english": 1}, "KZ", "en", ("Ольга Петрова", "olga@mayak.example"),
        (Bought("Business Standard", 130, 118, "suspended", -40), Bought("Business Basic", 20, 8)),
        4, 5,
    ),
    Company(
        "al-noor-trading", "شركة النور للتجارة", ("alnoor.example",), 57, {"arabic": 5, "english": 1},
        "AE", "en", ("خالد منصور", "khalid@alnoor.example"),
        (Bought("Business Standard", 60, 40), Bought("Defender P1", 60, 40)), 2,
    ),
    Company(
        "sakura-travel", "さくらトラベル", ("sakura-travel.example",), 46, {"japanese": 6, "english": 1},
        "JP", "en", ("佐藤 陽子", "sato@sakura-travel.example"), (Bought("Business Basic", 60, 44),), 1,
    ),
    Company(
        "vidya-institute", "विद्या संस्थान", ("vidya.example", "students.vidya.example"), 310,
        {"hindi": 6, "english": 1}, "IN", "en", ("अनन्या गुप्ता", "ananya@vidya.example"),
        (Bought("Education A1", 500, 290),), 8, 2,
    ),
    Company(
        "osterberg-legal", "Österberg & Löfgren Advokatbyrå", ("osterberg.example",), 22,
        {"accents": 1}, "SE", "en", ("Åsa Löfgren", "asa@osterberg.example"),
        (Bought("Enterprise E3", 22, 22, renews_in=25),), 1,
    ),
    Company(
        "meridian-labs", "Meridian Labs", ("meridian-labs.example",), 0,
        contact=("Grace Irving", "grace@meridian-labs.example"),
        bought=(Bought("Business Standard", 25, 0),),
    ),
    Company("quarry-hill-farm", "Quarry Hill Farm", ("quarryhill.example",), 3),
    Company(
        "wexford-print", "Wexford Print Works", ("wexford-print.example",), 0, deleted=11,
        state="archived",
    ),
)  # fmt: skip

RIVAL_CUSTOMERS = (
    Company(
        "brightwater-schools", "CANARY Brightwater", ("canary.example",), 12,
        bought=(Bought("Business Basic", 20, 10),), deleted=2, blocked=1,
    ),
)  # fmt: skip
