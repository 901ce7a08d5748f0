"""Where settings come from: the environment, and files that it names."""

from typing import Any

from pydantic.fields import FieldInfo
from pydantic_settings import EnvSettingsSource

from bullpen.settings.secrets import from_file, secret_fields

__all__ = ["Environment", "SecretFiles"]


class Environment(EnvSettingsSource):
    """The environment. Text that should be JSON and is not stays text, to be told with every other mistake."""

    def decode_complex_value(self, field_name: str, field: FieldInfo, value: Any) -> Any:
        """The JSON, read, or the text."""
        try:
            return super().decode_complex_value(field_name, field, value)
        except ValueError:
            return value


class SecretFiles(EnvSettingsSource):
    """Reads the file named by `NAME_FILE` for every top-level secret `NAME`; a mistake takes the secret's place."""

    def __call__(self) -> dict[str, Any]:
        """The secrets that have a file, by field."""
        known = self.env_vars
        files = {name: path for name in secret_fields(self.settings_cls) if (path := known.get(f"{name}_file"))}
        return {name: from_file(name, path, given=known.get(name)) for name, path in files.items()}
