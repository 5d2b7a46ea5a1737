metadata description = 'A right in one vault, and in no other of its subscription.'

@description('Name of the Recovery Services vault.')
@minLength(2)
@maxLength(50)
param vaultName string

@description('Resource id of the role.')
@minLength(1)
param roleDefinitionId string

@description('Object id of the identity that gets it.')
@minLength(36)
@maxLength(36)
param principalId string

@description('What it is for, in words.')
@minLength(1)
param purpose string

resource vault 'Microsoft.RecoveryServices/vaults@2026-01-01' existing = {
  name: vaultName
}

resource right 'Microsoft.Authorization/roleAssignments@2022-04-01' = {
  scope: vault
  name: guid(vault.id, principalId, roleDefinitionId)
  properties: {
    description: purpose
    roleDefinitionId: roleDefinitionId
    principalId: principalId
    principalType: 'ServicePrincipal'
  }
}
