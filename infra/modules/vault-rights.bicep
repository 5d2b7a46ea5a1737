metadata description = 'The right to run failovers in one vault, and in no other of its subscription.'

@description('Name of the Recovery Services vault.')
@minLength(2)
@maxLength(50)
param vaultName string

@description('Resource id of the role.')
param roleDefinitionId string

@description('Object id of the identity that runs failovers.')
param principalId string

resource vault 'Microsoft.RecoveryServices/vaults@2026-01-01' existing = {
  name: vaultName
}

resource mayFailOver 'Microsoft.Authorization/roleAssignments@2022-04-01' = {
  scope: vault
  name: guid(vault.id, principalId, roleDefinitionId)
  properties: {
    description: 'Farshore runs failovers of this vault\'s items.'
    roleDefinitionId: roleDefinitionId
    principalId: principalId
    principalType: 'ServicePrincipal'
  }
}
