FROM python:3.13-slim

ENV PYTHONUNBUFFERED=1 PYTHONDONTWRITEBYTECODE=1
WORKDIR /srv/portal

COPY requirements/app.txt requirements/app.txt
RUN pip install --no-cache-dir --require-hashes -r requirements/app.txt

COPY . .
# Neither command opens the database; the key is only there because Django asks for one.
RUN python -m tools.messages compile \
    && SECRET_KEY=only-for-building python manage.py collectstatic --no-input --verbosity 0 \
    && useradd --system --uid 10001 --no-create-home portal

USER portal
EXPOSE 8000
ENV HOST=0.0.0.0
CMD ["python", "-m", "portal.web"]
