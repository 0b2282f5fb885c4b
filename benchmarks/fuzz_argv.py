"""Command lines: each verb as it should be called, but for one thing; or words thrown together."""

from hypothesis import strategies as st

from benchmarks.fuzz_cases import Case
from benchmarks.fuzz_files import PLAIN_POLICY
from benchmarks.fuzz_pairs import GOOD_JSONL
from benchmarks.fuzz_site import MODEL
from benchmarks.fuzz_words import (
    LONG,
    NO_FILES,
    NO_FLOATS,
    NO_NAMES,
    NO_RELEASES,
    ODD_OPTIONS,
)
from flows.cli import VERBS

Words = tuple[str, ...]
NAMED = (
    *("labels", "deploy-model", "promote-model", "approve", "rollback-model", "model-status"),
    *("model-report", "plan"),
)
WHOLE: dict[str, Words] = {
    "up": (),
    "down": (),
    "serve": (),
    "demo": (),
    "register-model": (MODEL, "v2.0.0", "folder"),
    "labels": (MODEL, "labels.jsonl"),
    "deploy-model": (MODEL, "v2.0.0"),
    "promote-model": (MODEL, "v2.0.0"),
    "approve": (MODEL,),
    "rollback-model": (MODEL,),
    "deploy": ("v2.0.0", "--plan"),
    "rollback": (),
    "model-status": (MODEL,),
    "model-report": (MODEL,),
    "status": (),
    "judge": ("pairs.jsonl",),
    "calibrate": ("pairs.jsonl",),
    "validate": (MODEL,),
    "diagnose": (MODEL,),
    "backup-config": (),
    "restore-config": ("backup",),
    "plan": (MODEL,),
    "verify": ("evidence",),
    "history": (MODEL,),
    "report": (MODEL,),
    "resume": (MODEL,),
    "test-pipeline": (),
}
NEEDED = {verb: len(words) for verb, words in WHOLE.items()} | {
    "promote-model": 1,
    "deploy": 1,
    "history": 0,
    "resume": 0,
}
NUMBERS = {
    "plan": ("--rate", "--disagreement", "--label-delay"),
    "deploy-model": ("--sample", "--cap"),
    "demo": ("--rate",),
}
NO_QUANTITIES = ("0", "-1", "nan", "inf", "-inf", "1e999", "-0.0", "1e-400")
FLAGS = {
    "up": "--no-wait",
    "demo": "--keep",
    "deploy-model": "--first",
    "promote-model": "--no-follow",
    "approve": "--refuse",
    "deploy": "--retry",
    "resume": "--keep-serving",
    "status": "--watch",
}
VALUED = {
    "promote-model": "--override",
    "approve": "--reason",
    "rollback-model": "--reason",
    "deploy": "--application",
    "rollback": "--component",
    "model-report": "--days",
    "judge": "--report",
    "deploy-model": "--policy",
    "plan": "--policy",
    "test-pipeline": "--fault",
    "validate": "--release",
}
FILES = {"labels.jsonl": b"", "pairs.jsonl": GOOD_JSONL, "given.toml": PLAIN_POLICY.encode()}
# A component of the sample application, which holds where there is no other one.
RELEASE = ("validate", "settlement", "--release=v2.0.0")
Nonsense = tuple[Words, str]


@st.composite
def _odd_count(draw: st.DrawFn) -> Nonsense:
    """Too few words or too many."""
    verb = draw(st.sampled_from(sorted(VERBS)))
    if NEEDED[verb] and draw(st.booleans()):
        fewer = draw(st.integers(0, NEEDED[verb] - 1))
        return (verb, *WHOLE[verb][:fewer]), "too few words"
    more = draw(st.sampled_from(("more", "é", "\udcff", LONG, "", "-1")))
    return (verb, *WHOLE[verb], more, "more"), "too many words"


@st.composite
def _odd_option(draw: st.DrawFn) -> Nonsense:
    """An option nobody has, part of one, one without its value or with one it does not take."""
    verb = draw(st.sampled_from(sorted(VERBS)))
    words = (verb, *WHOLE[verb])
    way = draw(st.integers(0, 4))
    if way == 1 and verb in VALUED:
        return (*words, VALUED[verb]), "an option without its value"
    if way == 2 and verb in FLAGS:
        return (*words, f"{FLAGS[verb]}=yes"), "a value for a flag"
    if way == 3:
        cut = draw(st.sampled_from([*FLAGS.values(), *VALUED.values(), "--json", "--site"]))
        return (*words, cut[: draw(st.integers(3, len(cut) - 1))]), "part of an option"
    if way == 4:
        return (*words, "--site", draw(st.sampled_from(("moon", "", "LOCAL", "../local", LONG)))), (
            "unknown site"
        )
    odd = draw(st.sampled_from(ODD_OPTIONS))
    at = draw(st.integers(0, len(words)))
    return (*words[:at], odd, *words[at:]), f"option {odd!r}"


@st.composite
def _odd_name(draw: st.DrawFn) -> Nonsense:
    """A name or version that can be none, or that this site does not know."""
    if draw(st.integers(0, 4)) == 4:
        verb = draw(
            st.sampled_from(("promote-model", "rollback-model", "plan", "history", "labels"))
        )
        return (verb, "unknown-model", *WHOLE[verb][1:]), "unknown model"
    name = draw(st.sampled_from(NO_NAMES) | st.text(max_size=3).map(lambda text: f"{text} /"))
    if draw(st.booleans()):
        verb = draw(st.sampled_from(("deploy-model", "register-model", "promote-model")))
        release = draw(st.sampled_from(NO_RELEASES))
        if draw(st.integers(0, 3)) == 3:
            return (*RELEASE[:2], f"--release={release}"), f"release {release[:20]!r}"
        return (verb, MODEL, release, *WHOLE[verb][2:]), f"version {release[:20]!r}"
    verb = draw(st.sampled_from((*NAMED, "register-model", "history", "resume")))
    return (verb, name, *WHOLE[verb][1:]), f"name {name[:20]!r}"


@st.composite
def _odd_number(draw: st.DrawFn) -> Nonsense:
    """A quantity that is no number, or none of the kind."""
    verb = draw(st.sampled_from(sorted(NUMBERS)))
    option = draw(st.sampled_from(NUMBERS[verb]))
    value = draw(st.sampled_from((*NO_FLOATS, *NO_QUANTITIES)))
    if option == "--disagreement" and value in ("0", "-0.0", "1e-400"):
        value = "101"
    return (verb, *WHOLE[verb], f"{option}={value}"), f"{option} {value[:20]!r}"


@st.composite
def _odd_file(draw: st.DrawFn) -> Nonsense:
    """A file that is not there, or cannot be."""
    file = draw(
        st.sampled_from(NO_FILES) | st.text(min_size=1, max_size=5).map(lambda t: f"{t}/no")
    )
    argv = draw(
        st.sampled_from(
            (
                ("judge", file),
                ("judge", "pairs.jsonl", f"--policy={file}"),
                ("judge", "pairs.jsonl", "--report=none/none/out.html"),
                ("judge", "pairs.jsonl", "--report=."),
                ("judge", "pairs.jsonl", "--report=pairs.jsonl"),
                ("judge", "pairs.jsonl", f"--report={LONG}"),
                ("judge", "pairs.jsonl", "--workers=1"),
                ("judge", file, "--workers=0"),
                ("judge", file, "--on-cluster=nowhere"),
                ("judge", "."),
                ("judge", "/dev/null"),
                ("deploy-model", MODEL, "v2.0.0", f"--policy={file}"),
                ("plan", MODEL, f"--policy={file}"),
                ("labels", MODEL, file),
                ("verify", file),
                (*RELEASE, f"--application={file}"),
                (*RELEASE, f"--checklist={file}"),
                (*RELEASE, "--checklist=given.toml"),
                ("register-model", MODEL, "v2.0.0", file),
                ("register-model", MODEL, "v2.0.0", "home"),
            )
        )
    )
    return argv, f"file {file[:20]!r}"


OTHERS: tuple[Nonsense, ...] = (
    ((), "nothing"),
    (("",), "an empty verb"),
    (("deploy",), "part of a verb"),
    (("Status",), "a verb in capitals"),
    (("status", "--watch", "--json"), "one object that goes on"),
    (("resume", MODEL, "--keep-serving", "--follow-alias"), "both ways to settle"),
    (("resume", "--keep-serving"), "settle what"),
    (("promote-model", MODEL, "--override", ""), "no reason"),
    (("promote-model", MODEL, "--override", " \t\n"), "a blank reason"),
    (("promote-model", MODEL, "v1.0.0"), "the champion again"),
    (("deploy-model", MODEL, "v2.0.0", "--policy", "--first"), "an option for a value"),
    (("validate", MODEL, "--checklist", "given.toml"), "a checklist of no release"),
    (("validate", MODEL, "--release", "v2.0.0"), "a release of no component"),
)


@st.composite
def _thrown(draw: st.DrawFn) -> tuple[Words, None]:
    """Words thrown together: they may mean something."""
    # One of them would go on for ever.
    flags = [flag for flag in FLAGS.values() if flag != "--watch"]
    options = [*flags, *VALUED.values(), "--json", "--site", "local", "--", "--no-follow"]
    # These would do what they are told.
    verbs = sorted(set(VERBS) - {"demo", "test-pipeline", "up", "serve", "down"})
    word = st.sampled_from([*options, MODEL, "v1.0.0", *FILES, *NO_NAMES]) | st.text(max_size=6)
    words = draw(st.lists(word, max_size=5))
    return (draw(st.sampled_from(verbs)), *(w.replace("\0", "") for w in words)), None


@st.composite
def command_lines(draw: st.DrawFn) -> Case:
    """A command line; most of them can only be refused."""
    argv, why = draw(
        st.one_of(
            _odd_count(),
            _odd_option(),
            _odd_name(),
            _odd_number(),
            _odd_file(),
            st.sampled_from(OTHERS),
            _thrown(),
        )
    )
    words = tuple(word.replace("\0", "") for word in argv)
    as_json = draw(st.booleans())
    if as_json and draw(st.booleans()):
        return Case(("--json", *words), FILES, why and f"argv: {why}", as_json=True)
    return Case(words, FILES, why and f"argv: {why}", as_json=as_json)
