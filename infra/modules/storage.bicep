metadata description = 'The state of one app: its queues and tables, its package, the anchors of its audit trails; and what its identity may do there.'

@description('Name of the storage account.')
@minLength(3)
@maxLength(24)
param name string

@description('Region of the account; its second copy lies in the paired region.')
@minLength(1)
param location string

@description('Geo-redundant with read access, also over zones of the first region if it has them.')
@allowed([
  'Standard_RAGRS'
  'Standard_RAGZRS'
])
param redundancy string

@description('Whether the account is reached through private endpoints only.')
param private bool

@description('Days for which the anchors of an audit trail can be neither changed nor deleted.')
@minValue(1)
@maxValue(146000)
param auditRetentionInDays int

@description('Days for which deleted blobs and containers can be had back.')
@minValue(1)
@maxValue(365)
param deleteRetentionInDays int

@description('Object id of the app\'s identity.')
@minLength(36)
@maxLength(36)
param principalId string

@description('Object ids of the identities of other systems that may put requests into an intake queue, by queue.')
param senders senderType[]

@description('Object ids of the identities of other systems that may read and remove events.')
@maxLength(100)
param listeners string[]

@description('Resource id of the Log Analytics workspace.')
@minLength(1)
param workspaceId string

@description('Tags of every resource.')
param tags object

@export()
@description('An identity that may put messages into an intake queue: that right alone, on that queue alone.')
type senderType = {
  @description('The intake queue.')
  queue: 'restore-point-copy-requests' | 'failover-requests' | 'tenant-requests'

  @description('Object id of a service principal or managed identity.')
  @minLength(36)
  @maxLength(36)
  principalId: string
}

// What the code uses (shared/composition.py), and where the host leaves what it gave up (facts of the queue trigger).
var intakeQueues = [
  'restore-point-copy-requests'
  'failover-requests'
  'tenant-requests'
]
var triggerQueues = concat(intakeQueues, [
  'restore-point-copy-steps'
  'failover-steps'
  'tenant-steps'
  'replication-checks'
  'failover-checks'
  'tenant-checks'
])
var queueNames = concat(triggerQueues, ['outcomes'], map(triggerQueues, queue => '${queue}-poison'))
var tableNames = [
  'operations'
  'locks'
  'chains'
  'copies'
  'copyPolicies'
  'copyRuns'
  'vmProtection'
  'rejected'
  'budgets'
  'messageKeys'
  'tenants'
  'audit'
  'moves'
  'drills'
  'protections'
  'azurePacks'
  'azurePackSubscriptions'
  'dataCenters'
  'diskAccesses'
  'quotas'
]
var packageContainer = 'packages'
var auditContainer = 'audit'

var rights = [
  'b7e6dc6d-f1e8-4753-8033-0f276bb0955b' // Storage Blob Data Owner: the host's locks and the package; see docs/security.md
  '974c5e8b-45b9-4653-ba55-5f855dd0fb88' // Storage Queue Data Contributor
  '0a9a7e1f-b9d0-4cc4-a60d-0319b160aaa3' // Storage Table Data Contributor
]
var queueSender = 'c6a89b2d-59bc-44d0-9896-0f6e12d7b80a' // Storage Queue Data Message Sender
var queueProcessor = '8a0f0c08-91a1-4084-bc3d-661d67233fed' // Storage Queue Data Message Processor

resource account 'Microsoft.Storage/storageAccounts@2025-01-01' = {
  name: name
  location: location
  tags: tags
  kind: 'StorageV2'
  sku: {
    name: redundancy
  }
  properties: {
    accessTier: 'Hot'
    allowSharedKeyAccess: false
    allowBlobPublicAccess: false
    allowCrossTenantReplication: false
    defaultToOAuthAuthentication: true
    isLocalUserEnabled: false
    isSftpEnabled: false
    minimumTlsVersion: 'TLS1_2'
    supportsHttpsTrafficOnly: true
    publicNetworkAccess: private ? 'Disabled' : 'Enabled'
    networkAcls: {
      bypass: 'None'
      defaultAction: private ? 'Deny' : 'Allow'
    }
    encryption: {
      keySource: 'Microsoft.Storage'
      requireInfrastructureEncryption: true
      services: {
        blob: {
          enabled: true
          keyType: 'Account'
        }
        queue: {
          enabled: true
          keyType: 'Account'
        }
        table: {
          enabled: true
          keyType: 'Account'
        }
      }
    }
  }
}

resource blobs 'Microsoft.Storage/storageAccounts/blobServices@2025-01-01' = {
  parent: account
  name: 'default'
  properties: {
    isVersioningEnabled: true // version-level immutability stands on it
    deleteRetentionPolicy: {
      enabled: true
      days: deleteRetentionInDays
    }
    containerDeleteRetentionPolicy: {
      enabled: true
      days: deleteRetentionInDays
    }
  }
}

resource packages 'Microsoft.Storage/storageAccounts/blobServices/containers@2025-01-01' = {
  parent: blobs
  name: packageContainer
  properties: {
    publicAccess: 'None'
  }
}

resource audit 'Microsoft.Storage/storageAccounts/blobServices/containers@2025-01-01' = {
  parent: blobs
  name: auditContainer
  properties: {
    publicAccess: 'None'
    immutableStorageWithVersioning: {
      enabled: true
    }
  }
}

// Unlocked at first, so that a trial can be taken down; docs/deploy.md has the one command that locks it for good.
#disable-next-line BCP081 // older sets of types leave this one out
resource auditImmutability 'Microsoft.Storage/storageAccounts/blobServices/containers/immutabilityPolicies@2025-01-01' = {
  parent: audit
  name: 'default'
  properties: {
    immutabilityPeriodSinceCreationInDays: auditRetentionInDays
    allowProtectedAppendWrites: false
  }
}

resource queueService 'Microsoft.Storage/storageAccounts/queueServices@2025-01-01' = {
  parent: account
  name: 'default'
}

resource queues 'Microsoft.Storage/storageAccounts/queueServices/queues@2025-01-01' = [
  for queue in queueNames: {
    parent: queueService
    name: queue
  }
]

resource tableService 'Microsoft.Storage/storageAccounts/tableServices@2025-01-01' = {
  parent: account
  name: 'default'
}

resource tables 'Microsoft.Storage/storageAccounts/tableServices/tables@2025-01-01' = [
  for table in tableNames: {
    parent: tableService
    name: table
  }
]

resource appRights 'Microsoft.Authorization/roleAssignments@2022-04-01' = [
  for role in rights: {
    scope: account
    name: guid(account.id, principalId, role)
    properties: {
      roleDefinitionId: subscriptionResourceId('Microsoft.Authorization/roleDefinitions', role)
      principalId: principalId
      principalType: 'ServicePrincipal'
    }
  }
]

resource senderQueues 'Microsoft.Storage/storageAccounts/queueServices/queues@2025-01-01' existing = [
  for sender in senders: {
    parent: queueService
    name: sender.queue
  }
]

resource senderRights 'Microsoft.Authorization/roleAssignments@2022-04-01' = [
  for (sender, index) in senders: {
    scope: senderQueues[index]
    dependsOn: [queues]
    name: guid(account.id, sender.queue, sender.principalId, queueSender)
    properties: {
      roleDefinitionId: subscriptionResourceId('Microsoft.Authorization/roleDefinitions', queueSender)
      principalId: sender.principalId
      principalType: 'ServicePrincipal'
    }
  }
]

resource outcomes 'Microsoft.Storage/storageAccounts/queueServices/queues@2025-01-01' existing = {
  parent: queueService
  name: 'outcomes'
}

resource listenerRights 'Microsoft.Authorization/roleAssignments@2022-04-01' = [
  for listener in listeners: {
    scope: outcomes
    dependsOn: [queues]
    name: guid(account.id, 'outcomes', listener, queueProcessor)
    properties: {
      roleDefinitionId: subscriptionResourceId('Microsoft.Authorization/roleDefinitions', queueProcessor)
      principalId: listener
      principalType: 'ServicePrincipal'
    }
  }
]

// Reads are left out: the queues are polled all day, and that log would cost more than the work.
var changes = [
  {
    category: 'StorageWrite'
    enabled: true
  }
  {
    category: 'StorageDelete'
    enabled: true
  }
]
var transactions = [
  {
    category: 'Transaction'
    enabled: true
  }
]

resource accountDiagnostics 'Microsoft.Insights/diagnosticSettings@2021-05-01-preview' = {
  scope: account
  name: 'to-workspace'
  properties: {
    workspaceId: workspaceId
    metrics: transactions
  }
}

resource blobDiagnostics 'Microsoft.Insights/diagnosticSettings@2021-05-01-preview' = {
  scope: blobs
  name: 'to-workspace'
  properties: {
    workspaceId: workspaceId
    logs: changes
    metrics: transactions
  }
}

// Queues and tables change with every step of every operation: their rows are the record, and metrics are enough.
resource queueDiagnostics 'Microsoft.Insights/diagnosticSettings@2021-05-01-preview' = {
  scope: queueService
  name: 'to-workspace'
  properties: {
    workspaceId: workspaceId
    metrics: transactions
  }
}

resource tableDiagnostics 'Microsoft.Insights/diagnosticSettings@2021-05-01-preview' = {
  scope: tableService
  name: 'to-workspace'
  properties: {
    workspaceId: workspaceId
    metrics: transactions
  }
}

@description('Resource id of the account.')
output id string = account.id

@description('Name of the account.')
output name string = account.name

@description('Where the package is kept.')
output packageUrl string = '${account.properties.primaryEndpoints.blob}${packageContainer}'

@description('Blob endpoint.')
output blobUri string = account.properties.primaryEndpoints.blob

@description('Queue endpoint.')
output queueUri string = account.properties.primaryEndpoints.queue

@description('Table endpoint.')
output tableUri string = account.properties.primaryEndpoints.table
