"""The configuration: what is read, what refuses to start, and that no secret is shown."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from seamline.errors import ConfigError
from seamline_workers.company.config import Config, load_config

SOURCE = '[sources.crm]\nadapter = "hubspot"\n'


def load(folder: Path, text: str, **environ: str) -> Config:
    path = folder / "seamline.toml"
    path.write_text(text)
    return load_config(path, environ)


def refusal(folder: Path, text: str, **environ: str) -> str:
    with pytest.raises(ConfigError) as caught:
        load(folder, text, **environ)
    return str(caught.value)


def test_an_empty_file_is_a_configuration_with_the_defaults(tmp_path: Path) -> None:
    config = load(tmp_path, "")
    assert config.store.url == "sqlite:///seamline.db"
    assert config.queue.url == "store:"
    assert (config.worker.processes, config.worker.threads, config.worker.max_attempts) == (1, 8, 12)
    assert config.worker.time_limit == timedelta(minutes=5)
    assert config.folder == tmp_path


def test_every_key_of_the_contract_is_read(tmp_path: Path) -> None:
    (tmp_path / "token").write_text("anna:approver:0123456789abcdef\n")
    config = load(
        tmp_path,
        """
        [company]
        name = "Northwind Agency"
        timezone = "America/Chicago"
        seats = "company.seats:roster"
        public_url = "https://hooks.example.com"
        domains = ["northwind.example.com"]
        [store]
        url = "postgresql://seamline@db/seamline"
        [queue]
        url = "redis://queue/0"
        linger = "25ms"
        [worker]
        processes = 2
        threads = 16
        time_limit = "90s"
        [sources.crm]
        adapter = "hubspot"
        secrets = ["env:NEW", "env:OLD"]
        max_body = "2MiB"
        live_from = "2026-11-22T00:00:00Z"
        allow = ["deal.*"]
        formerly = "old_crm"
        [sources.crm.settings]
        pipeline_stages = { closedwon = "won" }
        [channels.mail]
        adapter = "postmark"
        secrets = ["env:NEW"]
        [seats.dirk]
        kind = "human"
        assignee = "dana@example.com"
        [people.anna]
        role = "approver"
        [retention]
        bodies = "30d"
        [alerts]
        channel = "mail"
        on = ["dead"]
        [api]
        tokens = ["file:token"]
        """,
        NEW="n",
        OLD="o",
    )
    crm = config.sources["crm"]
    assert (crm.secrets, crm.max_body, crm.allow, crm.formerly) == (
        {"signing": ("n", "o")},
        2 * 1024 * 1024,
        ("deal.*",),
        "old_crm",
    )
    assert crm.live_from == datetime(2026, 11, 22, tzinfo=UTC)
    assert crm.settings == {"pipeline_stages": {"closedwon": "won"}}
    assert config.queue.linger == timedelta(milliseconds=25)
    assert config.retention.bodies == timedelta(days=30)
    assert [(token.name, token.role, token.value) for token in config.api.tokens] == [
        ("anna", "approver", "0123456789abcdef")
    ]


def test_secrets_have_names_and_each_may_have_several_values(tmp_path: Path) -> None:
    table = """
    [sources.leads]
    adapter = "meta"
    [sources.leads.secrets]
    signing = ["literal:a", "literal:b"]
    verify_token = "literal:c"
    page_token = { 55 = "literal:d" }
    """
    assert load(tmp_path, table).sources["leads"].secrets == {
        "signing": ("a", "b"),
        "verify_token": ("c",),
        "page_token.55": ("d",),
    }


def test_no_secret_is_in_what_a_configuration_or_its_errors_look_like(tmp_path: Path) -> None:
    text = (
        '[store]\nurl = "postgresql://u:hidden-one@db/x"\n[api]\ntokens = ["literal:a:admin:hidden-two-0123456"]\n'
        + SOURCE
        + 'secrets = ["literal:hidden-three"]\nsettings = { key = "hidden-four" }\n'
    )
    shown = repr(load(tmp_path, text)) + str(load(tmp_path, text))
    wrong = refusal(tmp_path, text.replace("literal:a:admin", "literal:a:king").replace("literal:hidden", "hidden"))
    assert "hidden" not in shown
    assert "hidden" not in wrong


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("[compny]", "compny: there is no such key; allowed are: company, store, queue"),
        ("[worker]\nthread = 8", "worker.thread: there is no such key; allowed are: processes, threads"),
        ("[worker]\nthreads = 'many'", "worker.threads: Input should be a valid integer"),
        ("[worker]\nthreads = 1", "worker.threads: Input should be greater than or equal to 3"),
        ("[worker]\ntime_limit = 300", 'worker.time_limit: write a duration such as "30s"'),
        ("[retention]\nbodies = '9999999999d'", "retention.bodies: write a duration"),
        ("[retention]\nbodies = '1h'", "retention.bodies: must be from 1d to 36500d"),
        ("[company]\ntimezone = 'Chicago'", "company.timezone: write a time zone of the IANA list"),
        (
            "[company]\npublic_url = 'hooks.example.com'",
            'company.public_url: write the address that providers call, such as "https:',
        ),
        ("[company]\nseats = 'company.seats'", 'company.seats: write module:attribute, such as "company.seats:roster"'),
        ("[store]\nurl = 'mysql://x'", 'store.url: write "sqlite:///FILE" or "postgresql:'),
        ("[queue]\nurl = 'kafka://x'", 'queue.url: write "store:", "redis:'),
        ("[company]\ndomains = ['@northwind.example']", "company.domains: write domains as they stand after the @"),
        ("[company]\ndomains = 'northwind.example'", "company.domains: write a list"),
        ("store = 'x'", "store: must be a table"),
        ("[sources.CRM]\nadapter = 'hubspot'", "sources.CRM: must match ^[a-z]"),
        ("[sources.crm]\n", "sources.crm.adapter: this key is required"),
        ("[sources.crm]\nadapter = 'hubspott'", "sources.crm.adapter: no adapter 'hubspott' is installed; there are:"),
        (SOURCE + "max_body = '0KiB'", "sources.crm.max_body: Input should be greater than or equal to 1"),
        (SOURCE + "max_body = '26MiB'", "sources.crm.max_body: Input should be less than or equal to 26214400"),
        (SOURCE + "max_body = 1000", 'sources.crm.max_body: write a size such as "512KiB"'),
        (SOURCE + "live_from = '2026-11-22T00:00:00'", "sources.crm.live_from: write a time with its offset"),
        (SOURCE + "allow = []", "sources.crm.allow: list the event types"),
        (SOURCE + "trust = 'signed'", "sources.crm.trust: Input should be 'unverified'"),
        (
            SOURCE + "secrets = ['env:NOT_SET']",
            "sources.crm.secrets.signing.0: the environment variable NOT_SET is not",
        ),
        (SOURCE + "secrets = ['file:absent']", "absent cannot be read: No such file"),
        (SOURCE + "secrets = ['literal:']", "sources.crm.secrets.signing.0: the secret is empty"),
        (SOURCE + "secrets = ['plain']", 'sources.crm.secrets.signing.0: write "env:NAME"'),
        (SOURCE + "secrets = 5", "sources.crm.secrets: write a list of secrets, or a table"),
        (
            "[api]\ntokens = ['literal:a:admin:short']",
            "api.tokens: a token is name:role:value; roles: viewer, operator",
        ),
        ("[alerts]\non = ['everything']", "alerts.on.0: Input should be 'dead'"),
        ("[company\n", "is not TOML"),
    ],
)
def test_what_is_wrong_refuses_to_start_and_names_the_key(tmp_path: Path, text: str, said: str) -> None:
    assert said in refusal(tmp_path, text)


def test_all_errors_are_told_at_once(tmp_path: Path) -> None:
    assert len(refusal(tmp_path, "[worker]\nthreads = 0\nprocesses = 0\n[store]\nurl = ''").splitlines()) == 3


def test_two_tokens_may_not_have_one_value(tmp_path: Path) -> None:
    tokens = "'literal:a:admin:0123456789abcdef', 'literal:b:viewer:0123456789abcdef'"
    assert "same value" in refusal(tmp_path, f"[api]\ntokens = [{tokens}]")


def test_the_environment_overrides_the_file_and_an_unknown_name_refuses_to_start(tmp_path: Path) -> None:
    text = SOURCE + 'secrets = ["literal:x"]\n[worker]\nthreads = 4\n'
    config = load(
        tmp_path,
        text,
        SEAMLINE_WORKER__THREADS="9",
        SEAMLINE_SOURCES__CRM__SECRETS='["literal:y", "literal:z"]',
        SEAMLINE_API__METRICS_PUBLIC="false",
        SEAMLINE_TOKEN="not an override",
    )
    assert (config.worker.threads, config.api.metrics_public) == (9, False)
    assert config.sources["crm"].secrets == {"signing": ("y", "z")}
    said = refusal(tmp_path, text, SEAMLINE_WORKER__THREDS="9")
    assert "worker.threds: there is no such key" in said
    assert "SEAMLINE_WORKER__THREDS" in said
    assert "not JSON" in refusal(tmp_path, text, SEAMLINE_SOURCES__CRM__ALLOW="[deal]")
    assert "not a table" in refusal(tmp_path, text, SEAMLINE_WORKER__THREADS__MORE="9")


def test_the_configuration_is_the_one_named_then_the_environment_s_then_the_folder_s(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("one", "two", "seamline"):
        (tmp_path / f"{name}.toml").write_text(f'[company]\nname = "{name}"\n')
    monkeypatch.chdir(tmp_path)
    environ = {"SEAMLINE_CONFIG": "two.toml"}
    assert load_config(tmp_path / "one.toml", environ).company.name == "one"
    assert load_config(None, environ).company.name == "two"
    assert load_config(None, {}).company.name == "seamline"
    with pytest.raises(ConfigError, match="seamline init DIR"):
        load_config(tmp_path / "absent.toml", {})
