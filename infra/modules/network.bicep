metadata description = 'A virtual network of our own: one subnet that the apps call through, one with the private endpoints, and the zones that name them.'

@description('Name of the virtual network; the security groups are named after it.')
@minLength(2)
@maxLength(60)
param name string

@description('Region of the network.')
@minLength(1)
param location string

@description('Address space, of at least 256 addresses, which nothing else in reach uses.')
@minLength(9)
@maxLength(18)
param addressPrefix string

@description('Zones of the names that private endpoints answer for.')
@minLength(1)
param zones string[]

@description('Number of apps; each has a subnet of its own, as a subnet is delegated to one.')
@minValue(1)
@maxValue(3)
param appCount int

@description('Resource id of the Log Analytics workspace.')
@minLength(1)
param workspaceId string

@description('Address prefixes of the networks that installations of Azure Pack are in; none: no rule for them.')
@maxLength(50)
param azurePackPrefixes string[] = []

@description('Ports of Azure Pack that the apps call.')
@maxLength(20)
param azurePackPorts string[] = ['443', '30004-30006', '30072']

@description('DNS servers that know the names of Azure Pack; they must forward all others to 168.63.129.16. None: Azure\'s own.')
@maxLength(10)
param dnsServers string[] = []

@description('Tags of every resource.')
param tags object

// What an app calls: Resource Manager, Entra ID for tokens and keys, and where its telemetry goes. Storage is inside.
var called = [
  'AzureResourceManager'
  'AzureActiveDirectory'
  'AzureMonitor'
]
var callRules = [
  for (service, index) in called: {
    name: 'https-to-${service}'
    properties: {
      priority: 100 + index
      direction: 'Outbound'
      access: 'Allow'
      protocol: 'Tcp'
      sourceAddressPrefix: 'VirtualNetwork'
      sourcePortRange: '*'
      destinationAddressPrefix: service
      destinationPortRange: '443'
    }
  }
]
var azurePackRules = empty(azurePackPrefixes)
  ? []
  : [
      {
        name: 'to-azure-pack'
        properties: {
          priority: 120
          direction: 'Outbound'
          access: 'Allow'
          protocol: 'Tcp'
          sourceAddressPrefix: 'VirtualNetwork'
          sourcePortRange: '*'
          destinationAddressPrefixes: azurePackPrefixes
          destinationPortRanges: azurePackPorts
        }
      }
    ]
var otherRules = [
  {
    name: 'https-to-private-endpoints'
    properties: {
      priority: 110
      direction: 'Outbound'
      access: 'Allow'
      protocol: 'Tcp'
      sourceAddressPrefix: 'VirtualNetwork'
      sourcePortRange: '*'
      destinationAddressPrefix: 'VirtualNetwork'
      destinationPortRange: '443'
    }
  }
  {
    name: 'nothing-else-goes-out'
    properties: {
      priority: 4096
      direction: 'Outbound'
      access: 'Deny'
      protocol: '*'
      sourceAddressPrefix: '*'
      sourcePortRange: '*'
      destinationAddressPrefix: 'Internet'
      destinationPortRange: '*'
    }
  }
  {
    name: 'nothing-comes-in'
    properties: {
      priority: 4096
      direction: 'Inbound'
      access: 'Deny'
      protocol: '*'
      sourceAddressPrefix: '*'
      sourcePortRange: '*'
      destinationAddressPrefix: '*'
      destinationPortRange: '*'
    }
  }
]

resource appGroup 'Microsoft.Network/networkSecurityGroups@2025-03-01' = {
  name: '${name}-apps'
  location: location
  tags: tags
  properties: {
    securityRules: concat(callRules, azurePackRules, otherRules)
  }
}

resource endpointGroup 'Microsoft.Network/networkSecurityGroups@2025-03-01' = {
  name: '${name}-endpoints'
  location: location
  tags: tags
  properties: {
    securityRules: [
      {
        name: 'https-from-the-network'
        properties: {
          priority: 100
          direction: 'Inbound'
          access: 'Allow'
          protocol: 'Tcp'
          sourceAddressPrefix: 'VirtualNetwork'
          sourcePortRange: '*'
          destinationAddressPrefix: '*'
          destinationPortRange: '443'
        }
      }
      {
        name: 'nothing-else-comes-in'
        properties: {
          priority: 4096
          direction: 'Inbound'
          access: 'Deny'
          protocol: '*'
          sourceAddressPrefix: '*'
          sourcePortRange: '*'
          destinationAddressPrefix: '*'
          destinationPortRange: '*'
        }
      }
    ]
  }
}

resource network 'Microsoft.Network/virtualNetworks@2025-03-01' = {
  name: name
  location: location
  tags: tags
  properties: {
    addressSpace: {
      addressPrefixes: [addressPrefix]
    }
    dhcpOptions: {
      dnsServers: dnsServers
    }
  }
}

@batchSize(1)
resource appSubnets 'Microsoft.Network/virtualNetworks/subnets@2025-03-01' = [
  for index in range(0, appCount): {
    parent: network
    name: 'apps-${index}'
    properties: {
      addressPrefix: cidrSubnet(addressPrefix, 26, index)
      defaultOutboundAccess: true // to the services above; a firewall or NAT gateway of one's own may take its place
      networkSecurityGroup: {
        id: appGroup.id
      }
      delegations: [
        {
          name: 'functions'
          properties: {
            serviceName: 'Microsoft.App/environments'
          }
        }
      ]
    }
  }
]

resource endpointSubnet 'Microsoft.Network/virtualNetworks/subnets@2025-03-01' = {
  parent: network
  name: 'endpoints'
  dependsOn: [appSubnets]
  properties: {
    addressPrefix: cidrSubnet(addressPrefix, 26, 3)
    defaultOutboundAccess: false
    privateEndpointNetworkPolicies: 'NetworkSecurityGroupEnabled'
    networkSecurityGroup: {
      id: endpointGroup.id
    }
  }
}

resource privateZones 'Microsoft.Network/privateDnsZones@2024-06-01' = [
  for zone in zones: {
    name: zone
    location: 'global'
    tags: tags
  }
]

resource zoneLinks 'Microsoft.Network/privateDnsZones/virtualNetworkLinks@2024-06-01' = [
  for (zone, index) in zones: {
    parent: privateZones[index]
    name: name
    location: 'global'
    tags: tags
    properties: {
      registrationEnabled: false
      virtualNetwork: {
        id: network.id
      }
    }
  }
]

resource networkDiagnostics 'Microsoft.Insights/diagnosticSettings@2021-05-01-preview' = {
  scope: network
  name: 'to-workspace'
  properties: {
    workspaceId: workspaceId
    metrics: [
      {
        category: 'AllMetrics'
        enabled: true
      }
    ]
  }
}

var ruleLogs = [
  {
    category: 'NetworkSecurityGroupEvent'
    enabled: true
  }
  {
    category: 'NetworkSecurityGroupRuleCounter'
    enabled: true
  }
]

resource appGroupDiagnostics 'Microsoft.Insights/diagnosticSettings@2021-05-01-preview' = {
  scope: appGroup
  name: 'to-workspace'
  properties: {
    workspaceId: workspaceId
    logs: ruleLogs
  }
}

resource endpointGroupDiagnostics 'Microsoft.Insights/diagnosticSettings@2021-05-01-preview' = {
  scope: endpointGroup
  name: 'to-workspace'
  properties: {
    workspaceId: workspaceId
    logs: ruleLogs
  }
}

@description('Resource ids of the subnets that the apps call through, one for each.')
output appSubnetIds string[] = [for index in range(0, appCount): appSubnets[index].id]

@description('Resource id of the subnet with the private endpoints.')
output endpointSubnetId string = endpointSubnet.id

@description('Resource ids of the zones, as they were given.')
output zoneIds string[] = [for (zone, index) in zones: privateZones[index].id]
