"""Finds rows of a file that aren't about people of the customer: totals, notes, other accounts."""

import re
import unicodedata
from collections.abc import Mapping
from typing import Any

_FIELDS = (
    "first_name", "last_name", "display_name", "job_title", "department", "phone", "contact_email",
)  # fmt: skip

# Accounts that a directory makes for itself.
_BUILT_IN = frozenset(
    {
        "krbtgt", "defaultaccount", "wdagutilityaccount", "azureadssoacc", "healthmailbox",
        "systemmailbox", "discoverysearchmailbox", "homegroupuser$",
    }
)  # fmt: skip
_BUILT_IN_START = re.compile(
    r"(?:krbtgt_|systemmailbox\s*\{|healthmailbox[-_{]?[0-9a-f]|discoverysearchmailbox\s*[{(_]"
    r"|federatedemail\.|migration\.[0-9a-f]{8}-|exchange online-applicationaccount|msol_|sync_|aad_"
    r"|support_388945a0|iusr_|iwam_|\$[0-9a-z]+-)",
    re.IGNORECASE,
)
# Also names of people, so only where the row has no other name.
_BUILT_IN_WORDS = frozenset(
    {
        "administrator", "administrateur", "administrador", "amministratore", "guest", "gast", "invite", "invitado", "convidado", "ospite",
    }
)  # fmt: skip

_TOTALS = frozenset(
    {
        "total", "totals", "grand total", "sub total", "subtotal", "overall total", "sum", "count",
        "row count", "record count", "total count", "total number of", "number of", "no of",
        "summe", "gesamt", "gesamtsumme", "gesamtzahl", "gesamtanzahl", "gesamtergebnis",
        "zwischensumme", "insgesamt", "anzahl", "ergebnis", "endsumme",
        "total général", "sous total", "somme", "nombre", "nombre de", "nombre total de",
        "effectif", "effectif total", "total general", "suma", "suma total", "recuento",
        "cantidad", "número de", "total geral", "soma", "contagem", "quantidade",
        "totale", "totale generale", "subtotale", "somma", "conteggio", "numero di",
        "totaal", "eindtotaal", "subtotaal", "aantal", "som", "summa", "totalt", "antal", "i alt",
        "yhteensä", "razem", "ogółem", "łącznie", "celkem", "součet", "spolu", "összesen", "toplam",
        "genel toplam", "ara toplam", "итого", "всего", "сумма", "количество", "разом", "усього",
        "σύνολο", "المجموع", "الإجمالي", "סה״כ", "סהכ", "รวม", "รวมทั้งหมด", "tổng", "tổng cộng",
        "合计", "总计", "小计", "总数", "总和", "总人数", "人数", "人数合计", "汇总", "共计", "累计", "合計",
        "總計", "小計", "總數", "總人數", "人數", "總和", "共計", "累計", "総計", "総数", "総人数", "計",
        "합계", "총계", "소계", "총합", "총원", "총인원", "인원", "인원수",
    }
)  # fmt: skip
# Only with a number beside them.
_TOTALS_WITH_NUMBER = frozenset({"共", "计", "共有", "总共", "全", "총", "all", "alle", "tous"})
_COUNTED = re.compile(
    r"\b(?:users?|people|persons?|employees?|staff|members?|students?|records?|rows?|entries|"
    r"accounts?|items?|headcount|benutzer|personen|mitarbeiter(?:innen)?|einträge|datensätze|"
    r"schüler(?:innen)?|konten|utilisateurs?|personnes?|employés?|élèves?|lignes?|usuarios?|"
    r"personas?|empleados?|alumnos?|registros?|filas?|usuários?|pessoas?|utenti|persone|"
    r"gebruikers?|personer|användare|brukere)\b"
    r"|人员|用户|员工|学生|条记录|记录|使用者|名様|人|名|位|条|行|筆|件|명"
)
_NOT_WORD = re.compile(r"[\W\d_]+")

# Words of remarks, which no name has.
_REMARK = re.compile(
    r"[©®™]|https?:|www\.|\d\s*(?:of|/|von|sur|de)\s*\d+"
    r"|\b(?:generated|exported|printed|confidential|copyright|all rights reserved|please|until|"
    r"end of (?:the )?(?:list|file|report|document)|return (?:to|by)|reply (?:to|by)|"
    r"see (?:also|below|above)|last (?:update|change)d?|data as of|as of|"
    r"(?:created|prepared|updated) (?:on|at|by|from))\b"
    r"|\b(?:erstellt|gedruckt|exportiert|zurück an|vertraulich|ende der liste|bis zum|"
    r"généré|exporté|imprimé|fin de (?:la )?liste|s'il vous plaît|merci de|confidentiel|"
    r"jusqu'au|generado|exportado|impreso|fin de (?:la )?lista|por favor|confidencial|hasta el|"
    r"gerado|fim da lista|generato|esportato|stampato|fine (?:dell')?elenco|si prega|"
    r"gegenereerd|afgedrukt|einde (?:van de )?lijst|gelieve|wygenerowano)\b"
    r"|\b(?:notes?|nota|notas|remarks?|comments?|footnotes?|report|version|deadline|signature|"
    r"page|date|source|stand|seite|hinweis|bemerkung(?:en)?|anmerkung(?:en)?|unterschrift|"
    r"stichtag|datum|remarques?|página|observaciones|fecha|pagina|strona|страница)\b\s*[:：#]"
    r"|\b(?:page|seite|página|pagina|strona|страница|stand|version)\s+\d"
    r"|第\s*[0-9一二三四五六七八九十百]+\s*[页頁]|共\s*\d+\s*[页頁]|页码|頁碼|ページ|페이지"
    r"|制表|填表|打印|導出|导出|生成(?:时间|日期|于)|更新(?:时间|日期)|备注|備註|備考|说明|說明|注[:：]"
    r"|注意|以下空白|以下余白|列表结束|名单结束|完毕|签[字名]|簽[字名]|盖章|负责人[:：]|审核[:：]|"
    r"截止|截至|请(?:于|在)|請(?:於|在)|版权|保密|机密|出力日|作成[日者]|印刷日|社外秘|출력|작성[일자]|비고",
    re.IGNORECASE,
)
_WHOLE_REMARK = frozenset(
    {
        "end", "eof", "the end", "end of list", "ende", "listenende", "fin", "fine", "fim", "einde",
        "完", "结束", "結束", "以上", "끝", "note", "notes", "remark", "remarks", "n b",
    }
)  # fmt: skip
# Lower-case words in names of people.
_PARTICLES = frozenset(
    {
        "a", "abu", "af", "al", "ap", "av", "bar", "ben", "bin", "bint", "bte", "d", "da", "das",
        "de", "dei", "del", "della", "den", "der", "des", "di", "do", "dos", "du", "e", "el",
        "han", "ibn", "i", "in", "la", "las", "le", "les", "li", "lo", "los", "mac", "op", "o",
        "san", "santa", "s", "t", "te", "ten", "ter", "the", "und", "v", "van", "vd", "vom", "von",
        "y", "zu", "zum", "zur",
    }
)  # fmt: skip
# Han characters in a row; names have fewer, or a dot between their parts.
_MAX_HAN = 12


def find_reason(person: Mapping[str, Any]) -> str | None:
    """Why a row isn't about a person of the customer, as a code of LEAVES_OUT; else None."""
    user_name = person["user_name"]
    local = user_name.partition("@")[0]
    if "#" in user_name and "#ext#" in user_name.lower():
        return "guest"
    plain = local.lower()
    if plain in _BUILT_IN or plain.endswith("$") or _BUILT_IN_START.match(plain):
        return "built_in"
    names = [person["first_name"], person["last_name"], person["display_name"]]
    if plain in _BUILT_IN_WORDS and _says_only(plain, names):
        return "built_in"
    # Most rows end here: a user name, and a name with letters.
    if local and not local.isdecimal() and any(map(_has_letter, names)):
        return None
    if not local and _BUILT_IN_START.match(person["display_name"]):
        return "built_in"
    return "not_a_person" if _is_remark(person, local) else None


def _says_only(word: str, names: list[str]) -> bool:
    told = {_plain(name) for name in names} - {""}
    return told <= {word, "built in account", f"{word} account"}


def _is_remark(person: Mapping[str, Any], local: str) -> bool:
    if person["contact_email"]:
        return False
    texts = dict.fromkeys(person[field] for field in _FIELDS if person[field])
    names = dict.fromkeys(
        person[field] for field in ("display_name", "first_name", "last_name") if person[field]
    )
    if local and not local.isdecimal():
        # A remark in the first column, which is that of the user names.
        names[local] = texts[local] = None
    whole = " ".join(names or texts)
    if not whole:
        # A row of words for nothing.
        return not local
    if _is_total(whole) or (names and not _has_letter(whole)):
        return not (local.isdecimal() and person["first_name"] and person["last_name"])
    # A remark stands alone in its row.
    return not local.isdecimal() and len(texts) == 1 and _is_note(whole)


def _is_total(text: str) -> bool:
    plain = _plain(text)
    counted = _NOT_WORD.sub(" ", _COUNTED.sub(" ", plain)).strip()
    if {plain, counted, plain.replace(" ", ""), counted.replace(" ", "")} & _TOTALS:
        return True
    has_number = any(character.isdigit() for character in text)
    # "共 2 人" and "2 users"
    return has_number and counted != plain and counted in {"", *_TOTALS_WITH_NUMBER}


def _is_note(text: str) -> bool:
    if _REMARK.search(text) or _plain(text) in _WHOLE_REMARK:
        return True
    words = text.split()
    lower = [word for word in words if word.isalpha() and word.islower()]
    others = sum(word not in _PARTICLES for word in lower)
    is_sentence = len(words) > 3 and text.endswith((".", "!", "?", ":"))
    if (others >= 3 or is_sentence and others) and len(words) > len(lower):
        return True
    has_han = any("\u4e00" <= character <= "\u9fff" for character in text)
    return has_han and len(text) > _MAX_HAN and "·" not in text and " " not in text


def _plain(text: str) -> str:
    """The words of a text in lower case, without digits and punctuation."""
    return _NOT_WORD.sub(" ", unicodedata.normalize("NFKC", text).casefold()).strip()


def _has_letter(text: str) -> bool:
    return text[:1].isalpha() or any(map(str.isalpha, text))
