metadata description = 'A right in one resource group, and in no other of its subscription.'

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

resource right 'Microsoft.Authorization/roleAssignments@2022-04-01' = {
  name: guid(resourceGroup().id, principalId, roleDefinitionId)
  properties: {
    description: purpose
    roleDefinitionId: roleDefinitionId
    principalId: principalId
    principalType: 'ServicePrincipal'
  }
}
