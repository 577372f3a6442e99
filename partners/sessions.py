"""Sessions of members in the database; settings.SESSION_ENGINE."""

from datetime import UTC, datetime, timedelta

from django.contrib.auth import SESSION_KEY
from django.contrib.sessions.backends import db

MAX_AGE = timedelta(hours=12)
# A session in use is written at most this often.
KEEP_INTERVAL = timedelta(minutes=1)
BEGAN = "began"


class SessionStore(db.SessionStore):
    """
    A session that ends SESSION_COOKIE_AGE after its last use, and MAX_AGE after the sign-in.

    Both limits are kept in expire_date, the column by which Django ends and clears sessions.
    """

    expires_at: datetime | None = None

    def _get_session_from_db(self):
        row = super()._get_session_from_db()
        self.expires_at = row.expire_date if row else None
        return row

    def load(self):
        """Read the session; one without the time of its sign-in is empty."""
        data = super().load()
        return {} if SESSION_KEY in data and BEGAN not in data else data

    def get_expiry_date(self, **kwargs):
        idle = super().get_expiry_date(**kwargs)
        began = self.get(BEGAN)
        return min(idle, datetime.fromtimestamp(began, UTC) + MAX_AGE) if began else idle

    def keep_alive(self):
        """
        Postpone the end of the session because it is in use.

        Only the column changes: saving the whole session would undo writes of parallel requests,
        or recreate a session that has just ended.
        """
        expires_at = self.get_expiry_date()
        if self.expires_at and expires_at - self.expires_at >= KEEP_INTERVAL:
            mine = self.model.objects.filter(session_key=self.session_key)
            mine.filter(expire_date__lt=expires_at).update(expire_date=expires_at)
