"""Google's import path for background functions; `google` and `google.cloud` are namespaces that others share."""
