"""How calls to Azure Resource Manager are sent: one pipeline, its policies, reads past it, and the transport; no cold start imports it."""
