metadata description = 'Where secrets lie that a request brings: rows, messages and events hold references only. The app that serves tenants may set, read and delete them.'

@description('Name of the key vault.')
@minLength(3)
@maxLength(24)
param name string

@description('Region of the key vault.')
@minLength(1)
param location string

@description('Whether it is reached through its private endpoint only.')
param private bool

@description('Object id of the identity of the app that serves tenants.')
@minLength(36)
@maxLength(36)
param principalId string

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

var secretsOfficer = 'b86a8fe4-44ce-4948-aee5-eccb2c155cd7' // Key Vault Secrets Officer

resource appRights 'Microsoft.Authorization/roleAssignments@2022-04-01' = {
  scope: vault
  name: guid(vault.id, principalId, secretsOfficer)
  properties: {
    roleDefinitionId: subscriptionResourceId('Microsoft.Authorization/roleDefinitions', secretsOfficer)
    principalId: principalId
    principalType: 'ServicePrincipal'
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

@description('The same without its trailing slash.')
output url string = take(vault.properties.vaultUri, length(vault.properties.vaultUri) - 1)
