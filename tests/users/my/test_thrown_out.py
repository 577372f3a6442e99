import pytest

from batches.operations.control import start_batch
from users.acts.block import plan_blocks
from users.acts.delete import plan_deletes
from users.models import UserSession


@pytest.mark.parametrize("act", ["block", "delete"])
def test_blocked_or_deleted_user_loses_session(visitor, ann, contoso, alice, act):
    visitor.sign_in("ann@contoso.example", ann.temporary)
    assert visitor.get("/my/password/").status_code == 200
    order = {"customer": contoso, "users": [ann.pk], "by": alice}
    plans = {
        "block": lambda: plan_blocks(block=True, **order),
        "delete": lambda: plan_deletes(**order),
    }

    start_batch(batch=plans[act](), by=alice)

    assert visitor.get("/my/password/")["Location"] == "/my/sign-in/"
    assert not UserSession.objects.filter(user=ann.pk).exists()
    assert visitor.sign_in("ann@contoso.example", ann.temporary).status_code == 422
