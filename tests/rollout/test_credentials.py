"""Passwords in quoted texts: blanked in every form that is usual, and nothing else is touched."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rollout.credentials import holds_credentials, redacted

SECRET = "hunter2Secret"
FORMS = {
    "url": f"cannot reach postgres://admin:{SECRET}@db/x",
    "url without a user": f"redis://:{SECRET}@cache:6379/0",
    "url whose password has an at and a slash": f"amqp://shop:a@b/{SECRET}@queue/x",
    "path that was a url": f"no file http:/ann:{SECRET}@h/model",
    "several urls": f"from http://a:{SECRET}@h/1 to http://b:{SECRET}@h/2",
    "option": f"psql --password={SECRET}; false",
    "option and word": f"mysql --user shop --password {SECRET} --batch",
    "option of something": f"run --db-password {SECRET}",
    "option, one hyphen": f"java -password {SECRET}",
    "quoted": f"run --password='two {SECRET}' --user x",
    "variable": f"PGPASSWORD={SECRET} psql",
    "setting": f"db.password = {SECRET}",
    "query": f"GET /x?user=ann&token={SECRET}&page=2",
    "secret": f"client_secret={SECRET}",
    "upper case": f"TOKEN={SECRET}",
    "JSON": f'{{"password": "a \\" {SECRET}", "user": "ann"}}',
    "compact JSON": f'{{"access_token":"{SECRET}","type":"x"}}',
    "JSON in JSON": f'"{{\\"api_key\\": \\"{SECRET}\\"}}"',
    "Python": f"{{'passwd': '{SECRET}'}}",
    "YAML": f"password: {SECRET}",
    "connection string": f"Server=db;Uid=shop;Pwd={SECRET};",
    "bearer": f"Authorization: Bearer {SECRET}",
    "basic": f"authorization: Basic {SECRET}",
    "header in Python": f"'Authorization': 'Bearer {SECRET}'",
    "bearer alone": f"sent with bearer {SECRET}",
    "key of AWS": f"aws_secret_access_key = {SECRET}/+x",
    "header of a key": f"x-api-key: {SECRET}",
}


@pytest.mark.parametrize("text", FORMS.values(), ids=FORMS.keys())
def test_a_secret_is_blanked_and_found(text: str) -> None:
    """In whatever form it is usually told."""
    assert SECRET not in redacted(text)
    assert holds_credentials(text)


def test_the_id_of_a_key_of_aws_is_blanked() -> None:
    """It is known by its form."""
    assert redacted("denied to AKIAIOSFODNN7EXAMPLE here") == "denied to *** here"


def test_what_stands_around_a_secret_stays() -> None:
    """It is what tells the cause."""
    said = "cannot reach postgres://admin:x1@db:5432/shop as --password=x1; user ann: timeout"

    assert (
        redacted(said)
        == "cannot reach postgres://db:5432/shop as --password=***; user ann: timeout"
    )


ELSEWHERE = (
    "psql --password=$PGPASSWORD",
    "psql --password ${PGPASSWORD}",
    'psql --password "${PGPASSWORD:?is missing}"',
    "psql --password=$(cat /run/secrets/password); true",
    "psql postgres://shop:$(PASSWORD)@db/x",
    "psql postgres://shop:${PASSWORD}@db/x",
    "psql postgres://shop@db/x",
    "run --token /var/run/secrets/token",
    "run --token={version}",
    "run %TOKEN=%TOKEN%",
)
PLAIN = (
    'FATAL: password authentication failed for user "shop"',
    'secret "db" not found',
    "couldn't find key password in Secret shop/db",
    "the token: it is expired",
    "http://127.0.0.1:8080/a@b and http://[::1]:8080/a@b",
    "registry.example:5000/shop/prices@sha256:0f",
    "mail ann@example.org",
    "max_tokens=5 PWD=/root tokenizer=x secretName=db key=value",
    "run --password-file x --password --user y",
    "the bearer of this note",
)


@pytest.mark.parametrize("text", [*ELSEWHERE, *PLAIN])
def test_what_is_told_elsewhere_is_no_secret(text: str) -> None:
    """A variable, a file, a placeholder, a name: this is how it should be told."""
    assert not holds_credentials(text)


@pytest.mark.parametrize("text", PLAIN)
def test_what_only_speaks_of_secrets_is_left_alone(text: str) -> None:
    """It is the cause that somebody looks for."""
    assert redacted(text) == text


WORDS = st.sampled_from(
    ["password", "secret", "token", "api", "key", "authorization", "failed", "of", "the", "7", "db"]
)
MARKS = st.sampled_from([" ", ", ", "; ", ". ", " (", ") ", " / ", "\n"])


@given(st.lists(st.tuples(WORDS, MARKS), max_size=12))
def test_ordinary_words_are_left_alone(told: list[tuple[str, str]]) -> None:
    """Whatever they say, as long as nothing is set to anything."""
    text = "".join(word + mark for word, mark in told)

    assert redacted(text) == text
    assert not holds_credentials(text)


@given(st.sampled_from([*FORMS.values(), *PLAIN]), st.text(max_size=20))
def test_blanking_twice_is_blanking_once(form: str, more: str) -> None:
    """A text passes several rooms on its way."""
    once = redacted(f"{more} {form} {more}")

    assert redacted(once) == once
    assert SECRET not in once
