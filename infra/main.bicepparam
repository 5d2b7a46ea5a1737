using 'main.bicep'

// What azd asked for, or `az deployment sub create` reads from the environment.
param environmentName = readEnvironmentVariable('AZURE_ENV_NAME', 'trial')
param location = readEnvironmentVariable('AZURE_LOCATION', 'swedencentral')
param entraClientId = readEnvironmentVariable('FARSHORE_ENTRA_CLIENT_ID', '00000000-0000-0000-0000-000000000000')

// What is protected: this is the part to fill in.
param protectedRegions = [
  'westeurope'
  'northeurope'
]
param vaultLocation = 'northeurope'
param targets = [
  {
    subscriptionId: readEnvironmentVariable('AZURE_SUBSCRIPTION_ID', '00000000-0000-0000-0000-000000000000')
    copies: true
    vaults: []
  }
]
param alertEmails = []
