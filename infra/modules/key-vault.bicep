metadata description = 'Where secrets lie that a request brings: rows, messages and events hold references only. Nobody has rights on it by this module.'

@description('Name of the key vault.')
@minLength(3)
@maxLength(24)
param name string

@description('Region of the key vault.')
@minLength(1)
param location string

@description('Whether it is reached through its private endpoint only.')
param private bool

@description('Resource id of the Log Analytics workspace.')
@minLength(1)
param workspaceId string

@description('Tags of every resource.')
param tags object

resource vault 'Microsoft.KeyVault/vaults@2024-11-01' = {
  name: name
  location: location
  tags: tags
  properties: {
    tenantId: tenant().tenantId
    sku: {
      family: 'A'
      name: 'standard'
    }
    enableRbacAuthorization: true
    enableSoftDelete: true
    softDeleteRetentionInDays: 90
    enablePurgeProtection: true
    publicNetworkAccess: private ? 'Disabled' : 'Enabled'
    networkAcls: {
      bypass: 'None'
      defaultAction: private ? 'Deny' : 'Allow'
    }
  }
}

resource vaultDiagnostics 'Microsoft.Insights/diagnosticSettings@2021-05-01-preview' = {
  scope: vault
  name: 'to-workspace'
  properties: {
    workspaceId: workspaceId
    logs: [
      {
        categoryGroup: 'audit'
        enabled: true
      }
    ]
    metrics: [
      {
        category: 'AllMetrics'
        enabled: true
      }
    ]
  }
}

@description('Resource id of the key vault.')
output id string = vault.id

@description('Where its secrets are read.')
output uri string = vault.properties.vaultUri
