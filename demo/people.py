"""Invented people: names of several scripts, each with its spelling in a–z for the user name."""

import random
from collections.abc import Iterator
from dataclasses import dataclass

from users.rules import names

# Script: given names, family names. Written "as shown=as spelled"; the second part is left out
# where users.names spells it by itself.
POOLS = {
    "english": (
        "Amara Bartholomew Chloe Daniel Edith Fergus Grace Harriet Isaac Jude Keira Liam Maeve "
        "Nathaniel Olivia Patrick Quentin Rosalind Samuel Tabitha Una Violet Wesley Yvonne Zachary",
        "Abernathy Baxter Carmichael Donnelly Eastwood Fairbanks Greenhalgh Hollingsworth Irving "
        "Jarvis Kingsley Lockhart MacAllister Northcott O'Sullivan Pemberton Quigley Ravenscroft "
        "Stapleton Thistlewood Underwood Vaughan Whitcombe Yardley",
    ),
    "accents": (
        "Åsa Björn Céline Désirée Éamon François Gülşen Håkon Inés José Kāwika Łucja Márton Núria "
        "Øystein Přemysl Renée Søren Şebnem Tomáš Úrsula Věra Zoë",
        "Ångström Brâncuși Çelik Dvořák Eiríksson Fernández Grünwald Hernández Ibáñez Jørgensen "
        "Křížová Löfgren Müller Núñez Östberg Pająk Quiñones Rončević Sørensen Țurcanu Ünal Wójcik",
    ),
    "chinese": (
        "建国 秀英 伟 芳 子涵 雨桐 浩然 欣怡 志强 丽娟 梓萱 俊杰 晓明 思远 静怡 文博 佳琪 国栋 美玲 "
        "海燕 一诺 明轩 雪梅 永康",
        "王 李 张 刘 陈 杨 黄 赵 周 吴 徐 孙 马 朱 胡 林 郭 何 高 罗 欧阳 司马 诸葛 曾 单 冼",
    ),
    "japanese": (
        "さくら=sakura 健太=kenta 陽子=yoko 大輔=daisuke 美咲=misaki 翔=sho あかり=akari "
        "拓海=takumi 直美=naomi 誠=makoto",
        "佐藤=sato 鈴木=suzuki 高橋=takahashi 田中=tanaka 渡辺=watanabe 伊藤=ito 中村=nakamura "
        "小林=kobayashi 加藤=kato 斎藤=saito",
    ),
    "arabic": (
        "محمد=mohammed فاطمة=fatima أحمد=ahmed ليلى=layla يوسف=yusuf مريم=maryam "
        "خالد=khalid نور=noor عمر=omar سلمى=salma",
        "العتيبي=alotaibi الحداد=alhaddad منصور=mansour النجار=alnajjar الخطيب=alkhatib "
        "حسن=hassan الشامي=alshami قاسم=qasim",
    ),
    "cyrillic": (
        "Иван Ольга Дмитрий Светлана Сергей Наталья Алексей Юлия Тарас Оксана",
        "Петров Кузнецова Шевченко Смирнов Щербакова Волков Жукова Лысенко Морозова Чайковский",
    ),
    "greek": (
        "Γιώργος Ελένη Νίκος Μαρία Κώστας Σοφία Δημήτρης Αικατερίνη",
        "Παπαδόπουλος Ιωάννου Γεωργίου Δημητρίου Οικονόμου Αθανασίου Χριστοδούλου",
    ),
    "hindi": (
        "आरव=aarav प्रिया=priya रोहन=rohan अनन्या=ananya विवेक=vivek सुनीता=sunita इशान=ishan",
        "शर्मा=sharma पटेल=patel गुप्ता=gupta सिंह=singh वर्मा=varma कुलकर्णी=kulkarni",
    ),
    "tamil": (
        "விக்ரம்=vikram மீனா=meena கார்த்திக்=karthik லட்சுமி=lakshmi அருண்=arun",
        "ராமன்=raman சுப்பிரமணியம்=subramaniam முருகன்=murugan நடராஜன்=natarajan",
    ),
}  # fmt: skip

SCRIPTS = {name: tuple(pool.split() for pool in pools) for name, pools in POOLS.items()}

TITLES = (
    "Accountant", "Architect", "Buyer", "Caretaker", "Driver", "Editor", "Head of department",
    "Librarian", "Nurse", "Office manager", "Planner", "Receptionist", "Researcher", "Teacher",
    "Technician", "项目经理", "设计师",
)  # fmt: skip
DEPARTMENTS = ("Administration", "Facilities", "Finance", "Operations", "Research", "Teaching", "")


@dataclass(frozen=True)
class Person:
    """Somebody who does not exist."""

    first_name: str
    last_name: str
    display_name: str
    local: str
    job_title: str
    department: str


def invent(count: int, scripts: dict[str, int], seed: str) -> Iterator[Person]:
    """Invent so many people, the same for the same seed; `scripts` weighs what they are written in."""
    chance = random.Random(seed)
    chosen = chance.choices(list(scripts), weights=list(scripts.values()), k=count)
    taken: dict[str, int] = {}
    for script in chosen:
        given, family = SCRIPTS[script]
        first, first_spelled = _take_apart(chance.choice(given))
        last, last_spelled = _take_apart(chance.choice(family))
        if first_spelled and last_spelled:
            local = f"{first_spelled}.{last_spelled}"
        else:
            local = names.propose_local_part("", first, last)
        taken[local] = number = taken.get(local, 0) + 1
        yield Person(
            first_name=first,
            last_name=last,
            display_name=_compose(script, first, last),
            local=local if number == 1 else f"{local}{number}",
            job_title=chance.choice(TITLES),
            department=chance.choice(DEPARTMENTS),
        )


def _take_apart(written: str) -> tuple[str, str]:
    shown, _, spelled = written.partition("=")
    return shown, spelled


def _compose(script: str, first: str, last: str) -> str:
    return f"{last} {first}" if script == "japanese" else names.compose_display_name(first, last)
