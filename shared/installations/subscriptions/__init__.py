"""The Azure Pack subscriptions of tenants: imported with proof, read live, and reached by the provider's sign-in or a certificate."""
