metadata description = 'The identity of one app: user-assigned, so that rights can be given before the app exists and outlive a new one.'

@description('Name of the identity.')
@minLength(3)
@maxLength(128)
param name string

@description('Region of the identity.')
@minLength(1)
param location string

@description('Tags of every resource.')
param tags object

resource identity 'Microsoft.ManagedIdentity/userAssignedIdentities@2024-11-30' = {
  name: name
  location: location
  tags: tags
}

@description('Resource id of the identity.')
output id string = identity.id

@description('Client id: the setting AZURE_CLIENT_ID.')
output clientId string = identity.properties.clientId

@description('Object id: whom roles are assigned to.')
output principalId string = identity.properties.principalId
