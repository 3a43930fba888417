"""What scenarios do: each function takes a `Setting`, gives a `Trial`, and is registered by the name that scenarios call it."""
