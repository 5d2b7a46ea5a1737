metadata description = 'A private endpoint of one resource for one of its services, and its name in the private zone.'

@description('Name of the endpoint.')
@minLength(2)
@maxLength(64)
param name string

@description('Region of the endpoint: its network\'s.')
@minLength(1)
param location string

@description('Resource id of what it leads to.')
@minLength(1)
param resourceId string

@description('Which of its services.')
@allowed([
  'blob'
  'queue'
  'table'
  'vault'
  'sites'
])
param service string

@description('Resource id of the subnet that it lies in.')
@maxLength(400)
param subnetId string

@description('Resource id of the private zone of its name.')
@minLength(1)
param zoneId string

@description('Tags of every resource.')
param tags object

resource endpoint 'Microsoft.Network/privateEndpoints@2025-03-01' = {
  name: name
  location: location
  tags: tags
  properties: {
    subnet: {
      id: subnetId
    }
    customNetworkInterfaceName: '${name}-nic'
    privateLinkServiceConnections: [
      {
        name: service
        properties: {
          privateLinkServiceId: resourceId
          groupIds: [service]
        }
      }
    ]
  }
}

resource zone 'Microsoft.Network/privateEndpoints/privateDnsZoneGroups@2025-03-01' = {
  parent: endpoint
  name: 'default'
  properties: {
    privateDnsZoneConfigs: [
      {
        name: service
        properties: {
          privateDnsZoneId: zoneId
        }
      }
    ]
  }
}
