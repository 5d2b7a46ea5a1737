"""The steps of operations on machines of Azure Pack."""
