"""How installations are reached: connections, the accounts service, and what their errors mean."""
