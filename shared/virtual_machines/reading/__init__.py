"""Lists and reads of what tenants have: Azure is asked, nothing is stored."""
