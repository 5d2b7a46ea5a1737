metadata description = 'What the other apps may do with the tenant registry: read its one table in the account of the app that writes it.'

@description('Name of the storage account that has the registry.')
@minLength(3)
@maxLength(24)
param accountName string

@description('Object ids of the identities of the apps that read it.')
@maxLength(2)
param readers string[]

var tableReader = '76199698-9eea-4c19-bc75-cec21354c6b6' // Storage Table Data Reader

resource account 'Microsoft.Storage/storageAccounts@2025-01-01' existing = {
  name: accountName
}

resource tableService 'Microsoft.Storage/storageAccounts/tableServices@2025-01-01' existing = {
  parent: account
  name: 'default'
}

resource registry 'Microsoft.Storage/storageAccounts/tableServices/tables@2025-01-01' existing = {
  parent: tableService
  name: 'tenants'
}

resource readerRights 'Microsoft.Authorization/roleAssignments@2022-04-01' = [
  for reader in readers: {
    scope: registry
    name: guid(registry.id, reader, tableReader)
    properties: {
      roleDefinitionId: subscriptionResourceId('Microsoft.Authorization/roleDefinitions', tableReader)
      principalId: reader
      principalType: 'ServicePrincipal'
    }
  }
]
