targetScope = 'subscription'

metadata description = 'Farshore: the app with its state, its identity and rights, the vault, the network, and how it is watched. Nothing here is secret.'

import { senderType } from 'modules/storage.bicep'
import { optionsType } from 'modules/function-app.bicep'
import { targetType } from 'modules/targets.bicep'

// --- where and what ---

@description('Name of this environment; names are made of it.')
@minLength(2)
@maxLength(20)
param environmentName string

@description('Region of the app and its state: none of those that it protects, or it would be gone when it is needed.')
@minLength(1)
param location string

@description('Regions whose machines are protected. The app refuses to be deployed to one of them.')
@minLength(1)
param protectedRegions string[]

@description('Resource group of everything that is made here.')
@minLength(1)
@maxLength(90)
param resourceGroupName string = 'rg-farshore-${environmentName}'

@description('One app with everything, or a copy, a failover and a tenant app, each with its own identity and state: the boundary between rights.')
@allowed([
  'one'
  'three'
])
param apps string = 'one'

@description('Tags of every resource.')
param tags object = {}

// --- what it may do, and to what ---

@description('The subscriptions that are protected, and their vaults.')
param targets targetType[]

@description('Resource id of the Recovery Services vault to use; empty makes a new one.')
@maxLength(400)
param existingVaultId string = ''

@description('Region of a new vault: where machines fail over to.')
@minLength(1)
param vaultLocation string

@description('Days for which what was deleted from a new vault can be had back.')
@minValue(14)
@maxValue(180)
param vaultSoftDeleteInDays int = 30

@description('Immutability of a new vault. Locked can never be taken back.')
@allowed([
  'Unlocked'
  'Locked'
])
param vaultImmutability string = 'Unlocked'

// --- who calls ---

@description('Client id of the app\'s registration in Entra ID, made by infra/hooks/entra_app.py.')
@minLength(36)
@maxLength(36)
param entraClientId string

@description('Entra tenants whose tokens the platform lets pass: this one, or any. The app itself knows its tenants by its registry.')
@allowed([
  'one'
  'any'
])
param signIn string = 'one'

@description('Identities that may put requests into an intake queue.')
param senders senderType[] = []

@description('Object ids of identities that may take events from the queue of outcomes.')
@maxLength(100)
param listeners string[] = []

// --- how ---

@description('Scale and choices of each app.')
param options optionsType = {
  maximumInstanceCount: 40
  instanceMemoryMB: 2048
  httpConcurrency: 32
  alwaysReady: 0
  queueRoles: [
    'Copies.Write'
    'Failovers.Execute'
    'Tenants.Write'
  ]
  budgetShare: '0.5'
  callsInFlight: 64
  copiesInFlight: 0
  inventory: 'resourceGraph'
  retention: 'on'
  reconcile: 'PT24H'
  leaseSeconds: 90
  traceShare: '0.1'
}

@description('public: reached over the internet, by identities only. private-state: storage and key vault through private endpoints. private: callers too.')
@allowed([
  'public'
  'private-state'
  'private'
])
param network string = 'public'

@description('Address space of the network, of at least 256 addresses; for private-state and private.')
@minLength(9)
@maxLength(18)
param networkPrefix string = '10.199.0.0/24'

@description('Address prefixes of the networks that installations of Azure Pack are in; for private-state and private. None: no outbound rule.')
@maxLength(50)
param azurePackPrefixes string[] = []

@description('DNS servers that know the names of Azure Pack, and forward all others to 168.63.129.16; for private-state and private.')
@maxLength(10)
param dnsServers string[] = []

@description('How the state is kept twice over: in the paired region, and over zones of the first one where it has them.')
@allowed([
  'Standard_RAGRS'
  'Standard_RAGZRS'
])
param storageRedundancy string = 'Standard_RAGZRS'

@description('Days for which the anchors of an audit trail can be neither changed nor deleted.')
@minValue(1)
@maxValue(146000)
param auditRetentionInDays int = 365

@description('Days for which deleted blobs can be had back.')
@minValue(1)
@maxValue(365)
param deleteRetentionInDays int = 14

@description('Days for which logs are kept.')
@minValue(30)
@maxValue(730)
param logRetentionInDays int = 90

@description('Most that is logged per day, in GB; -1 is no limit. Alerts see nothing once the limit is reached.')
@minValue(-1)
param logQuotaInGB int = -1

@description('E-mail addresses of whoever is on call.')
@maxLength(100)
param alertEmails string[] = []

@description('Whether the alerts wake anybody.')
param alertsEnabled bool = true

var place = contains(protectedRegions, location)
  ? fail('location: ${location} is one of protectedRegions; the app must survive their loss')
  : location
var suffix = take(uniqueString(subscription().id, resourceGroupName, environmentName), 6)
var allTags = union(tags, { 'azd-env-name': environmentName })

// Each app has a storage account of its own: who can write another's queue or rows could make it act.
var parts = apps == 'one'
  ? [
      {
        name: 'func-farshore-${environmentName}-${suffix}'
        short: 'app'
        capabilities: ['copies', 'failovers', 'tenants', 'virtual_machines', 'data_centers']
      }
    ]
  : [
      {
        name: 'func-farshore-${environmentName}-copies-${suffix}'
        short: 'copies'
        capabilities: ['copies']
      }
      {
        name: 'func-farshore-${environmentName}-failovers-${suffix}'
        short: 'failovers'
        capabilities: ['failovers']
      }
      {
        name: 'func-farshore-${environmentName}-tenants-${suffix}'
        short: 'tenants'
        capabilities: ['tenants', 'virtual_machines', 'data_centers']
      }
    ]
var copiesApp = 0
var failoversApp = apps == 'one' ? 0 : 1
var tenantsApp = apps == 'one' ? 0 : 2

var isPrivate = network != 'public'
// Names that private endpoints answer for, in this order.
var zones = [
  'privatelink.blob.${environment().suffixes.storage}'
  'privatelink.queue.${environment().suffixes.storage}'
  'privatelink.table.${environment().suffixes.storage}'
  'privatelink.vaultcore.azure.net'
  'privatelink.azurewebsites.net'
]
var storageServices = ['blob', 'queue', 'table']

// The vault to use stands among the vaults of its subscription, whoever made it.
var vaultPath = split(existingVaultId, '/')
var vaultName = 'rsv-farshore-${environmentName}-${suffix}'
var vaultSubscription = toLower(empty(existingVaultId) ? subscription().subscriptionId : vaultPath[2])
var vault = {
  resourceGroup: empty(existingVaultId) ? resourceGroupName : vaultPath[4]
  name: empty(existingVaultId) ? vaultName : vaultPath[8]
}
var listed = map(targets, target => toLower(target.subscriptionId))
var withVault = map(targets, target => {
  subscriptionId: target.subscriptionId
  copies: target.copies
  machines: target.?machines ?? false
  restores: target.?restores ?? []
  vaults: toLower(target.subscriptionId) == vaultSubscription ? union(target.vaults, [vault]) : target.vaults
})
var onlyVault = {
  subscriptionId: vaultSubscription
  copies: false
  machines: false
  restores: []
  vaults: [vault]
}
var allTargets = contains(listed, vaultSubscription) ? withVault : concat(withVault, [onlyVault])

resource group 'Microsoft.Resources/resourceGroups@2025-03-01' = {
  name: resourceGroupName
  location: place
  tags: allTags
}

module identity 'modules/identity.bicep' = [
  for part in parts: {
    name: 'farshore-identity-${part.short}'
    scope: group
    params: {
      name: 'id-${part.name}'
      location: place
      tags: allTags
    }
  }
]

module monitoring 'modules/monitoring.bicep' = {
  name: 'farshore-monitoring'
  scope: group
  params: {
    workspaceName: 'log-farshore-${environmentName}-${suffix}'
    insightsName: 'appi-farshore-${environmentName}-${suffix}'
    location: place
    retentionInDays: logRetentionInDays
    dailyQuotaInGB: logQuotaInGB
    senders: [for (part, index) in parts: identity[index].outputs.principalId]
    tags: allTags
  }
}

module networks 'modules/network.bicep' = if (isPrivate) {
  name: 'farshore-network'
  scope: group
  params: {
    name: 'vnet-farshore-${environmentName}'
    location: place
    addressPrefix: networkPrefix
    zones: zones
    appCount: length(parts)
    azurePackPrefixes: azurePackPrefixes
    dnsServers: dnsServers
    workspaceId: monitoring.outputs.workspaceId
    tags: allTags
  }
}

module storage 'modules/storage.bicep' = [
  for (part, index) in parts: {
    name: 'farshore-storage-${part.short}'
    scope: group
    params: {
      name: 'stfs${take(part.short, 4)}${uniqueString(subscription().id, resourceGroupName, environmentName, part.short)}'
      location: place
      redundancy: storageRedundancy
      private: isPrivate
      auditRetentionInDays: auditRetentionInDays
      deleteRetentionInDays: deleteRetentionInDays
      principalId: identity[index].outputs.principalId
      senders: senders
      listeners: listeners
      workspaceId: monitoring.outputs.workspaceId
      tags: allTags
    }
  }
]

module keyVault 'modules/key-vault.bicep' = {
  name: 'farshore-key-vault'
  scope: group
  params: {
    name: 'kv${take(environmentName, 8)}${uniqueString(subscription().id, resourceGroupName, environmentName)}'
    location: place
    private: isPrivate
    principalId: identity[tenantsApp].outputs.principalId
    workspaceId: monitoring.outputs.workspaceId
    tags: allTags
  }
}

module storageEndpoints 'modules/private-endpoint.bicep' = [
  for index in range(0, length(parts) * length(storageServices)): if (isPrivate) {
    name: 'farshore-endpoint-${parts[index / length(storageServices)].short}-${storageServices[index % length(storageServices)]}'
    scope: group
    params: {
      name: 'pe-${parts[index / length(storageServices)].short}-${storageServices[index % length(storageServices)]}'
      location: place
      resourceId: storage[index / length(storageServices)].outputs.id
      service: storageServices[index % length(storageServices)]
      subnetId: networks!.outputs.endpointSubnetId
      zoneId: networks!.outputs.zoneIds[index % length(storageServices)]
      tags: allTags
    }
  }
]

module keyVaultEndpoint 'modules/private-endpoint.bicep' = if (isPrivate) {
  name: 'farshore-endpoint-key-vault'
  scope: group
  params: {
    name: 'pe-key-vault'
    location: place
    resourceId: keyVault.outputs.id
    service: 'vault'
    subnetId: networks!.outputs.endpointSubnetId
    zoneId: networks!.outputs.zoneIds[3]
    tags: allTags
  }
}

module app 'modules/function-app.bicep' = [
  for (part, index) in parts: {
    name: 'farshore-app-${part.short}'
    scope: group
    dependsOn: [storageEndpoints]
    params: {
      name: part.name
      planName: 'plan-${part.name}'
      location: place
      capabilities: part.capabilities
      identityId: identity[index].outputs.id
      identityClientId: identity[index].outputs.clientId
      storage: {
        blobUri: storage[index].outputs.blobUri
        queueUri: storage[index].outputs.queueUri
        tableUri: storage[index].outputs.tableUri
        packageUrl: storage[index].outputs.packageUrl
      }
      entraClientId: entraClientId
      signIn: signIn
      insightsConnectionString: monitoring.outputs.insightsConnectionString
      workspaceId: monitoring.outputs.workspaceId
      options: options
      subnetId: isPrivate ? networks!.outputs.appSubnetIds[index] : ''
      reachable: network != 'private'
      keyVaultUrl: contains(part.capabilities, 'tenants') ? keyVault.outputs.url : ''
      registryTableUri: storage[tenantsApp].outputs.tableUri
      tags: union(allTags, { 'azd-service-name': part.short })
    }
  }
]

// Of three apps, two read the registry that the tenants' app writes.
module registryReaders 'modules/registry-readers.bicep' = if (apps != 'one') {
  name: 'farshore-registry-readers'
  scope: group
  params: {
    accountName: storage[tenantsApp].outputs.name
    readers: [identity[copiesApp].outputs.principalId, identity[failoversApp].outputs.principalId]
  }
}

module appEndpoints 'modules/private-endpoint.bicep' = [
  for (part, index) in parts: if (network == 'private') {
    name: 'farshore-endpoint-${part.short}-sites'
    scope: group
    params: {
      name: 'pe-${part.short}-sites'
      location: place
      resourceId: app[index].outputs.id
      service: 'sites'
      subnetId: networks!.outputs.endpointSubnetId
      zoneId: networks!.outputs.zoneIds[4]
      tags: allTags
    }
  }
]

module recoveryVault 'modules/recovery-vault.bicep' = if (empty(existingVaultId)) {
  name: 'farshore-recovery-vault'
  scope: group
  params: {
    name: vaultName
    location: vaultLocation
    softDeleteRetentionInDays: vaultSoftDeleteInDays
    immutability: vaultImmutability
    workspaceId: monitoring.outputs.workspaceId
    tags: allTags
  }
}

module rights 'modules/target-subscription.bicep' = [
  for target in allTargets: {
    name: 'farshore-rights-${environmentName}-${uniqueString(target.subscriptionId)}'
    scope: subscription(target.subscriptionId)
    dependsOn: [recoveryVault]
    params: {
      target: target
      copiesPrincipalId: identity[copiesApp].outputs.principalId
      failoversPrincipalId: identity[failoversApp].outputs.principalId
      tenantsPrincipalId: identity[tenantsApp].outputs.principalId
    }
  }
]

module alerts 'modules/alerts.bicep' = {
  name: 'farshore-alerts'
  scope: group
  params: {
    name: 'farshore-${environmentName}'
    location: place
    workspaceId: monitoring.outputs.workspaceId
    appNames: [for part in parts: part.name]
    emails: alertEmails
    enabled: alertsEnabled
    tags: allTags
  }
}

@description('Resource group of everything that was made.')
output AZURE_RESOURCE_GROUP string = group.name

@description('Names of the apps, comma-separated: where the package is sent (infra/hooks/deploy.py).')
output FARSHORE_APP_NAMES string = join(map(parts, part => part.name), ',')

@description('Where callers reach the apps.')
output FARSHORE_URLS string[] = [for (part, index) in parts: app[index].outputs.url]

@description('Names of the storage accounts.')
output FARSHORE_STORAGE_NAMES string[] = [for (part, index) in parts: storage[index].outputs.name]

@description('Key vault of the secrets that requests bring.')
output FARSHORE_KEY_VAULT_URI string = keyVault.outputs.uri

@description('The Recovery Services vault.')
output FARSHORE_VAULT_ID string = empty(existingVaultId) ? recoveryVault!.outputs.id : existingVaultId
