"""The worker's side: these modules run in the locked process, and import nothing of the package but `frames`."""
