"""Microsoft.Resources: subscriptions, locations, resource groups, and the list of what there is."""
