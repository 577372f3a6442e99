"""Files as other systems make them are planned as they are, without one error."""

import pytest

from batches.models import Line
from tests.imports.test_import import plan, start
from users.models import CustomerUser

# As downloaded from each and filled in by hand or by Excel: the header is theirs to the letter.
PARTNER_CENTER = """\
First name,Last name,Display name,Email,Status update\r
Amy,Parker,Amy Parker,amy.parker@contoso.example,\r
建国,王,王建国,jianguo.wang@contoso.example,\r
Zoë,O'Brien,Zoë O'Brien,zoe.o'brien@contoso.example,\r
"""

MICROSOFT_365 = """\
Username,First name,Last name,Display name,Job title,Department,Office number,Office phone,Mobile phone,Fax,Alternate email address,Address,City,State or province,ZIP or postal code,Country or region\r
amy.parker@contoso.example,Amy,Parker,Amy Parker,Engineer,"Research, Development",123451,123-555-1211,123-555-6641,123-555-9821,amy@home.example,1 Microsoft way,Redmond,Wa,98052,United States\r
jianguo.wang@contoso.example,建国,王,王建国,会计,财务部,,,,,,,上海,,200000,China\r
bob@contoso.example,,,Bob,,,,,,,,,,,,\r
"""

ENTRA = """\
version:v1.0,,,,,,,,,,,,,,,\r
Name [displayName] Required,User name [userPrincipalName] Required,Initial password [passwordProfile] Required,Block sign in (Yes/No) [accountEnabled] Required,First name [givenName],Last name [surname],Job title [jobTitle],Department [department],Usage location [usageLocation],Street address [streetAddress],State or province [state],Country or region [country],Office [physicalDeliveryOfficeName],City [city],ZIP or postal code [postalCode],Office phone [telephoneNumber],Mobile phone [mobile]\r
Example: Chris Green,chris@contoso.com,myPassword1234,No,,,,,,,,,,,,,\r
Amy Parker,amy.parker@contoso.example,Xk39!ddkw,No,Amy,Parker,Engineer,Development,US,1 Main St,WA,United States,B2,Redmond,98052,+1 425 555 0100,\r
王建国,jianguo.wang@contoso.example,Xk39!ddkw,No,建国,王,会计,财务部,CN,,,,,,,,+86 138 0013 8000\r
Bob,bob@contoso.example,Xk39!ddkw,Yes,,,,,,,,,,,,,\r
"""

ENTRA_CHINESE = """\
版本:v1.0,,,,,,\r
姓名 [displayName] 必需,用户名 [userPrincipalName] 必需,初始密码 [passwordProfile] 必需,阻止登录(是/否) [accountEnabled] 必需,名字 [givenName],姓氏 [surname],使用位置 [usageLocation]\r
示例: Chris Green,chris@contoso.com,myPassword1234,否,,,\r
王建国,jianguo.wang@contoso.example,Xk39!ddkw,否,建国,王,CN\r
李小红,xiaohong.li@contoso.example,Xk39!ddkw,否,小红,李,中国\r
陈伟,wei.chen@contoso.example,Xk39!ddkw,否,伟,陈,\r
"""

GOOGLE = """\
First Name [Required],Last Name [Required],Email Address [Required],Password [Required],Password Hash Function [UPLOAD ONLY],Org Unit Path [Required],New Primary Email [UPLOAD ONLY],Status [READ ONLY],Last Sign In [READ ONLY],Recovery Email,Home Secondary Email,Work Secondary Email,Recovery Phone [MUST BE IN THE E.164 FORMAT],Work Phone,Home Phone,Mobile Phone,Work Address,Home Address,Employee ID,Employee Type,Employee Title,Manager Email,Department,Cost Center,2sv Enrolled [READ ONLY],2sv Enforced [READ ONLY],Building ID,Floor Name,Floor Section,Email Usage [READ ONLY],Drive Usage [READ ONLY],Storage limit [READ ONLY],Change Password at Next Sign-In,New Status [UPLOAD ONLY],Licenses [READ ONLY],Advanced Protection Program enrollment\r
Amy,Parker,amy.parker@contoso.example,****,,/Staff,,Active,2026/11/20 09:12:11,amy@home.example,,,+14255550100,,,,,,,,Engineer,,Development,,False,False,,,,0.1GB,1.2GB,15.0GB,False,,,\r
建国,王,jianguo.wang@contoso.example,****,,/Staff/上海,,Active,Never logged in,,,,,,,,,,,,会计,,财务部,,False,False,,,,0.0GB,0.0GB,15.0GB,True,,,\r
Bob,Stone,bob@contoso.example,****,,/,,Suspended,Never logged in,,,,,,,,,,,,,,,,False,False,,,,0.0GB,0.0GB,15.0GB,True,,,\r
"""

FILES = {
    "partner_center": PARTNER_CENTER,
    "microsoft_365": MICROSOFT_365,
    "entra": ENTRA,
    "entra chinese": ENTRA_CHINESE,
    "google": GOOGLE,
}


@pytest.mark.parametrize("codec", ["utf-8", "utf-8-sig", "utf-16"])
@pytest.mark.parametrize("name", FILES)
def test_file_of_another_system_is_imported_unchanged(as_alice, contoso, office, name, codec):
    batch = plan(as_alice, FILES[name].encode(codec), products=[str(office.pk)])

    assert batch.state == "planned", batch.plan
    assert batch.plan["detected"]["source"] == name.split()[0]
    # Two of the files have a user with blocked sign-in, who gets no license.
    blocked = name in ("entra", "google")
    lines = list(Line.objects.order_by("number"))
    assert [line.state for line in lines] == ["planned"] * 3
    found = [problem["code"] for line in lines for problem in line.problems]
    assert found == ["sign_in_blocked"] * blocked
    counts = {"ready": 3 - blocked, "warned": int(blocked), "failed": 0, "skipped": 0}
    assert batch.plan["counts"] == counts
    notices = {notice["code"] for notice in batch.plan["notices"]}
    assert "column_unknown" not in notices
    start(as_alice, batch)
    assert CustomerUser.objects.count() == 3
    assert office.assignments.count() == 3 - blocked
    assert list(CustomerUser.objects.filter(is_blocked=True)) == list(
        CustomerUser.objects.filter(user_name="bob@contoso.example")[:blocked]
    )
    wang = CustomerUser.objects.get(user_name="jianguo.wang@contoso.example")
    assert (wang.display_name, wang.last_name, wang.first_name) == ("王建国", "王", "建国")
    assert wang.location == ("US" if name in ("partner_center", "google") else "CN")


def test_further_columns_fill_matching_fields(as_alice, contoso):
    start(as_alice, plan(as_alice, MICROSOFT_365.encode()))

    amy = CustomerUser.objects.get(user_name="amy.parker@contoso.example")
    assert (amy.job_title, amy.department) == ("Engineer", "Research, Development")
    assert (amy.phone, amy.contact_email) == ("123-555-1211", "amy@home.example")
    assert amy.location == "US"


def test_no_password_of_a_file_is_kept(as_alice, contoso):
    batch = plan(as_alice, ENTRA.encode())

    assert "password_ignored" in {notice["code"] for notice in batch.plan["notices"]}
    assert not any("Xk39" in str(line.input) for line in Line.objects.all())
    assert "Xk39" not in str(batch.plan)
