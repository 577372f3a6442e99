"""Sessions of members, in the database; settings.SESSION_ENGINE."""

from datetime import UTC, datetime, timedelta

from django.contrib.auth import SESSION_KEY
from django.contrib.sessions.backends import db

LONGEST = timedelta(hours=12)
# A session in use is written at most this often.
KEPT_EVERY = timedelta(minutes=1)
BEGAN = "began"


class SessionStore(db.SessionStore):
    """
    A session that ends SESSION_COOKIE_AGE after its last use, and 12 hours after the sign-in.

    Both ends stand in the column that Django itself compares and clears by: expire_date.
    """

    expires_at: datetime | None = None

    def _get_session_from_db(self):
        row = super()._get_session_from_db()
        self.expires_at = row.expire_date if row else None
        return row

    def load(self):
        """Read the session; one without the time of its sign-in counts for nothing."""
        data = super().load()
        return {} if SESSION_KEY in data and BEGAN not in data else data

    def get_expiry_date(self, **kwargs):
        """When the session ends if it is not used again."""
        idle = super().get_expiry_date(**kwargs)
        began = self.get(BEGAN)
        return min(idle, datetime.fromtimestamp(began, UTC) + LONGEST) if began else idle

    def keep_alive(self):
        """
        Put off the end of the session because it is in use.

        Only the column changes: saving the whole session would undo what a request beside this one
        has written, or bring back a session that has just ended.
        """
        expires_at = self.get_expiry_date()
        if self.expires_at and expires_at - self.expires_at >= KEPT_EVERY:
            mine = self.model.objects.filter(session_key=self.session_key)
            mine.filter(expire_date__lt=expires_at).update(expire_date=expires_at)
