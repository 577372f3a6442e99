"""The portal's Celery in whose workers one name is deadly; only the tests know of it."""

import os
from dataclasses import replace

from celery.signals import worker_init

from portal.celery import app  # noqa: F401

POISON = "poison@contoso.example"


@worker_init.connect
def make_deadly(**kwargs):
    """Make it so before the children are forked: each of them has it then."""
    from batches.acts import get_act, register

    add = get_act("add")

    def die_of_poison(*, batch, lines, by):
        if any(line.input["user_name"] == POISON for line in lines):
            with open(os.environ["DEATHS"], "a") as deaths:
                deaths.write(f"{len(lines)}\n")
            os._exit(1)
        return add.apply(batch=batch, lines=lines, by=by)

    register(replace(add, apply=die_of_poison))
