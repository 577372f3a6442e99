"""All settings; values that differ between installations come from the environment."""

import os
from pathlib import Path
from urllib.parse import unquote, urlsplit

from celery.schedules import crontab
from django.utils.translation import gettext_lazy as _

ROOT = Path(__file__).resolve().parent.parent


def flag(name: str) -> bool:
    """Whether the environment variable is set to something that means yes."""
    return os.environ.get(name, "").lower() in {"1", "true", "yes", "on"}


def database(url: str, **extra) -> dict:
    """A DATABASES entry for a postgres:// address; ?host= names a socket folder."""
    parts = urlsplit(url)
    query = dict(pair.split("=", 1) for pair in parts.query.split("&") if pair)
    return {
        "ENGINE": "partners.backend",
        "NAME": parts.path.lstrip("/"),
        "USER": unquote(parts.username or ""),
        "PASSWORD": unquote(parts.password or ""),
        "HOST": unquote(query.get("host", parts.hostname or "")),
        "PORT": query.get("port", str(parts.port or "")),
        **extra,
    }


DEBUG = flag("DEBUG")
IS_DEMO = flag("LOCAL_DEMO")
SECRET_KEY = os.environ.get("SECRET_KEY", "")
ALLOWED_HOSTS = os.environ.get("ALLOWED_HOSTS", "localhost,127.0.0.1,[::1]").split(",")
BASE_URL = os.environ.get("BASE_URL", "http://localhost:8000")
IS_HTTPS = BASE_URL.startswith("https://")
# Without it, portal.checks takes http:// for this machine only.
ALLOW_HTTP = flag("ALLOW_HTTP")
# The number of proxies before the web server. Each appends the address of its client to
# X-Forwarded-For; addresses further to the left can be forged.
TRUSTED_PROXY_COUNT = ALLAUTH_TRUSTED_PROXY_COUNT = int(os.environ.get("TRUSTED_PROXY_COUNT", "0"))
CSRF_TRUSTED_ORIGINS = [BASE_URL]
KEYS_DIR = Path(os.environ.get("KEYS_DIR", ROOT / ".local" / "keys"))

INSTALLED_APPS = [
    "portal",
    "handover",
    "imports",
    "users",
    "batches",
    "licensing",
    "customers",
    "partners",
    "audit",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.humanize",
    "django.contrib.postgres",
    "whitenoise.runserver_nostatic",
    "django.contrib.staticfiles",
    "django_htmx",
    "allauth",
    "allauth.account",
    "allauth.mfa",
]

MIDDLEWARE = [
    "portal.middleware.Probes",
    "portal.middleware.ClientAddress",
    "django.middleware.security.SecurityMiddleware",
    "portal.middleware.Headers",
    "portal.middleware.Length",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "portal.middleware.Activity",
    "portal.middleware.Preferences",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django_htmx.middleware.HtmxMiddleware",
    "allauth.account.middleware.AccountMiddleware",
    "portal.middleware.SignInRequired",
    "portal.middleware.OneTenant",
]

ROOT_URLCONF = "portal.urls"

TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [ROOT / "templates"],
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.messages.context_processors.messages",
                "portal.context.shell",
            ],
            "builtins": [
                "django.templatetags.i18n",
                "django.templatetags.static",
                "django.contrib.humanize.templatetags.humanize",
                "portal.templatetags.portal_ui",
                "batches.templatetags.acts",
            ],
        },
    },
]

# The app role for everything; the owner only for migrations and commands of the operator.
DATABASES = {
    "default": database(
        os.environ.get("DATABASE_URL", "postgres://portal_app@localhost/portal"),
        CONN_MAX_AGE=600,
        CONN_HEALTH_CHECKS=True,
    )
}
if "DATABASE_OWNER_URL" in os.environ:
    _test_name = f"test_portal{os.environ.get('TEST_DB_SUFFIX', '')}"
    DATABASES["default"]["TEST"] = {"MIRROR": "owner"}
    DATABASES["owner"] = database(
        os.environ["DATABASE_OWNER_URL"],
        TEST={"NAME": _test_name, "TEMPLATE": "portal_template", "DEPENDENCIES": []},
    )

# Only allauth uses it: for used codes of second factors, and for its limits of signed-in members. In
# PostgreSQL, so that flushing Valkey loses none. MAX_ENTRIES prevents culling; beat deletes expired
# entries (users.clean).
CACHES = {
    "default": {
        "BACKEND": "django.core.cache.backends.db.DatabaseCache",
        "LOCATION": "portal_cache",
        "OPTIONS": {"MAX_ENTRIES": 1_000_000_000},
    }
}

DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

# --- Sign-in of members ------------------------------------------------------------------------

AUTH_USER_MODEL = "partners.Member"
AUTHENTICATION_BACKENDS = ["allauth.account.auth_backends.AuthenticationBackend"]
PASSWORD_HASHERS = ["partners.hashers.Argon2"]
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": "django.contrib.auth.password_validation.UserAttributeSimilarityValidator"},
    {
        "NAME": "django.contrib.auth.password_validation.MinimumLengthValidator",
        "OPTIONS": {"min_length": 12},
    },
    {"NAME": "django.contrib.auth.password_validation.CommonPasswordValidator"},
]
LOGIN_URL = "account_login"
LOGIN_REDIRECT_URL = "portal:home"
ACCOUNT_ADAPTER = "partners.adapters.AccountAdapter"
ACCOUNT_LOGIN_METHODS = {"email"}
ACCOUNT_SIGNUP_FIELDS = ["email*", "password1*"]
ACCOUNT_USER_MODEL_USERNAME_FIELD = None
ACCOUNT_EMAIL_VERIFICATION = "none"
ACCOUNT_LOGOUT_REDIRECT_URL = "account_login"
ACCOUNT_SESSION_REMEMBER = False
# partners.operations.tries limits passwords. No limit by address alone keeps out the right password;
# requests for mails are the exception, because each sends one.
ACCOUNT_RATE_LIMITS = {
    "login": None,
    "signup": None,
    "reset_password_from_key": None,
    # Codes of a second factor: of one member, after the right password.
    "login_failed": "5/15m/key",
    "change_password": "10/15m/user",
    "reauthenticate": "10/15m/user",
    "reset_password": "20/m/ip,5/h/key",
}
# Otherwise anyone could send mails to addresses without an account.
ACCOUNT_EMAIL_UNKNOWN_ACCOUNTS = False
ACCOUNT_EMAIL_NOTIFICATIONS = True
ACCOUNT_PASSWORD_RESET_TOKEN_GENERATOR = "partners.tokens.ResetTokens"
PASSWORD_RESET_TIMEOUT = 60 * 60
MFA_ADAPTER = "partners.adapters.MFAAdapter"
MFA_SUPPORTED_TYPES = ["totp", "recovery_codes", "webauthn"]
# Otherwise the Host of the request.
MFA_TOTP_ISSUER = "Partner Portal"

SESSION_ENGINE = "partners.sessions"
# Without use; partners.sessions also ends it 12 hours after the sign-in.
SESSION_COOKIE_AGE = 30 * 60
SESSION_EXPIRE_AT_BROWSER_CLOSE = True
SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = IS_HTTPS
SESSION_COOKIE_NAME = "__Host-session" if IS_HTTPS else "session"
# In a cookie: a token in the session would create a session for every visitor of a public page.
# Sign-in and sign-out replace it.
CSRF_COOKIE_NAME = "__Host-csrf" if IS_HTTPS else "csrf"
CSRF_COOKIE_HTTPONLY = True
CSRF_COOKIE_AGE = None
MESSAGE_STORAGE = "django.contrib.messages.storage.session.SessionStorage"

# --- Headers -----------------------------------------------------------------------------------

SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https") if IS_HTTPS else None
SECURE_SSL_REDIRECT = IS_HTTPS
SECURE_HSTS_SECONDS = 31_536_000 if IS_HTTPS else 0
SECURE_HSTS_INCLUDE_SUBDOMAINS = IS_HTTPS
SECURE_HSTS_PRELOAD = IS_HTTPS
# portal.middleware.Headers sets X-Frame-Options.
SILENCED_SYSTEM_CHECKS = ["security.W002"]

# --- Languages, times --------------------------------------------------------------------------

LANGUAGE_CODE = "en"
LANGUAGES = [("en", _("English")), ("zh-hans", _("Simplified Chinese"))]
LOCALE_PATHS = [ROOT / "locale"]
FORMAT_MODULE_PATH = "portal.formats"
LANGUAGE_COOKIE_SAMESITE = "Lax"
LANGUAGE_COOKIE_SECURE = IS_HTTPS
TIME_ZONE = "UTC"

# --- Files -------------------------------------------------------------------------------------

STATIC_URL = "/static/"
STATICFILES_DIRS = [ROOT / "static"]
STATIC_ROOT = ROOT / "staticfiles"
STORAGES = {
    "staticfiles": {
        "BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"
        if DEBUG
        else "whitenoise.storage.CompressedManifestStaticFilesStorage"
    },
}
# The form refuses larger files.
UPLOAD_LIMIT_BYTES = 50 * 1024 * 1024
# Larger requests are not read at all.
REQUEST_LIMIT_BYTES = 4 * UPLOAD_LIMIT_BYTES
FILE_UPLOAD_HANDLERS = [
    "django.core.files.uploadhandler.MemoryFileUploadHandler",
    "imports.handlers.LimitedFile",
]
DATA_UPLOAD_MAX_MEMORY_SIZE = 5 * 1024 * 1024
# Thousands of ids can be selected over many pages.
DATA_UPLOAD_MAX_NUMBER_FIELDS = 5_000
# No form has more; otherwise one request could fill the disk with many files below the limit.
DATA_UPLOAD_MAX_NUMBER_FILES = 1

# --- Mail --------------------------------------------------------------------------------------


def _mail(url: str) -> dict:
    parts = urlsplit(url)
    if parts.scheme == "file":
        return {
            "EMAIL_BACKEND": "django.core.mail.backends.filebased.EmailBackend",
            "EMAIL_FILE_PATH": parts.path,
        }
    return {
        "EMAIL_BACKEND": "django.core.mail.backends.smtp.EmailBackend",
        "EMAIL_HOST": parts.hostname or "localhost",
        "EMAIL_PORT": parts.port or 25,
        "EMAIL_HOST_USER": unquote(parts.username or ""),
        "EMAIL_HOST_PASSWORD": unquote(parts.password or ""),
        "EMAIL_USE_TLS": parts.scheme == "smtp+tls",
        "EMAIL_USE_SSL": parts.scheme == "smtps",
        "EMAIL_TIMEOUT": 10,
    }


globals().update(_mail(os.environ.get("EMAIL_URL", f"file://{ROOT / '.local' / 'mail'}")))
DEFAULT_FROM_EMAIL = os.environ.get("MAIL_FROM", "portal@localhost")

# --- Work that outlives a request --------------------------------------------------------------

# PostgreSQL holds the work; a message is only a wake-up, and the sweep replaces a lost one.
_publisher = not flag("CELERY_WORKER")
CELERY = {
    "broker_url": os.environ.get("REDIS_URL", "redis://localhost:6379/0"),
    "task_acks_late": True,
    "task_reject_on_worker_lost": True,
    "task_ignore_result": True,
    "task_default_queue": "interactive",
    "task_time_limit": 600,
    "task_soft_time_limit": 540,
    "worker_prefetch_multiplier": 1,
    "worker_max_tasks_per_child": 500,
    "worker_max_memory_per_child": 300_000,
    "worker_hijack_root_logger": False,
    "broker_connection_retry_on_startup": True,
    # A worker waits for its broker without a limit.
    "broker_connection_max_retries": None,
    "task_publish_retry": False,
    "broker_transport_options": {
        "visibility_timeout": 900,
        # A page waits one second for a hung broker; a worker's BRPOP blocks for that long.
        "socket_timeout": 1 if _publisher else 5,
        "socket_connect_timeout": 1 if _publisher else 5,
        "unacked_restore_throttle": 1,
        # Otherwise a page waits six seconds while kombu tries to reach a broker that is down.
        **({"max_retries": 0, "interval_start": 0} if _publisher else {}),
    },
    "beat_schedule": {
        "sweep": {"task": "batches.sweep", "schedule": 15.0},
        "sweep_emails": {"task": "handover.sweep", "schedule": 15.0},
        "sweep_seats": {"task": "users.sweep", "schedule": 15.0},
        "wipe_passwords": {"task": "handover.wipe", "schedule": 60.0},
        "wipe_files": {"task": "imports.wipe", "schedule": 60.0},
        "remind": {"task": "handover.remind", "schedule": 300.0},
        "purge": {"task": "users.purge", "schedule": 3600.0},
        "recount": {"task": "users.recount", "schedule": crontab(hour=2, minute=30)},
        "clean": {"task": "users.clean", "schedule": 900.0},
    },
    "beat_schedule_filename": str(
        Path(os.environ.get("BEAT_SCHEDULE", ROOT / ".local" / "celerybeat-schedule"))
    ),
}

LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {
        "line": {
            "()": "portal.logs.WithoutLinks",
            "format": "{levelname} {name}: {message}",
            "style": "{",
        }
    },
    "filters": {"expected": {"()": "portal.logs.Expected"}},
    "handlers": {
        "console": {
            "class": "logging.StreamHandler",
            "formatter": "line",
            "filters": ["expected"],
        }
    },
    "root": {"handlers": ["console"], "level": "INFO"},
    # Otherwise Django logs each line a second time with DEBUG, with its secrets.
    "loggers": {"django": {"handlers": [], "level": "INFO"}},
}
