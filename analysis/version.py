"""The version of the judging code, kept in every verdict."""

CODE_VERSION = "0.1.0"
