metadata description = 'The Recovery Services vault in which machines are replicated, in the region that they fail over to.'

@description('Name of the vault.')
@minLength(2)
@maxLength(50)
param name string

@description('Region of the vault: any but the one that it protects.')
@minLength(1)
param location string

@description('Days for which what was deleted can be had back.')
@minValue(14)
@maxValue(180)
param softDeleteRetentionInDays int

@description('Whether recovery points may no longer be deleted before their time. Locked can never be taken back.')
@allowed([
  'Unlocked'
  'Locked'
])
param immutability string

@description('Resource id of the Log Analytics workspace.')
@minLength(1)
param workspaceId string

@description('Tags of every resource.')
param tags object

// What Site Recovery writes in tables of its own, and what the vault does itself; both go to their own tables in the workspace.
var categories = [
  'ASRJobs'
  'ASRReplicatedItems'
  'AzureBackupOperations'
  'CoreAzureBackup'
]

resource vault 'Microsoft.RecoveryServices/vaults@2026-01-01' = {
  name: name
  location: location
  tags: tags
  sku: {
    name: 'RS0'
    tier: 'Standard'
  }
  identity: {
    type: 'SystemAssigned'
  }
  properties: {
    // Agents on premises and Site Recovery's appliances reach it; what they may do is asked of Entra ID and of the vault's own registration.
    publicNetworkAccess: 'Enabled'
    securitySettings: {
      immutabilitySettings: {
        state: immutability
      }
      softDeleteSettings: {
        softDeleteState: 'AlwaysON'
        softDeleteRetentionPeriodInDays: softDeleteRetentionInDays
        enhancedSecurityState: 'AlwaysON'
      }
    }
    redundancySettings: {
      standardTierStorageRedundancy: 'GeoRedundant'
      crossRegionRestore: 'Enabled'
    }
    monitoringSettings: {
      azureMonitorAlertSettings: {
        alertsForAllJobFailures: 'Enabled'
        alertsForAllReplicationIssues: 'Enabled'
        alertsForAllFailoverIssues: 'Enabled'
      }
      classicAlertSettings: {
        alertsForCriticalOperations: 'Disabled'
        emailNotificationsForSiteRecovery: 'Disabled'
      }
    }
  }
}

resource vaultDiagnostics 'Microsoft.Insights/diagnosticSettings@2021-05-01-preview' = {
  scope: vault
  name: 'to-workspace'
  properties: {
    workspaceId: workspaceId
    logAnalyticsDestinationType: 'Dedicated'
    logs: [
      for category in categories: {
        category: category
        enabled: true
      }
    ]
    metrics: [
      {
        category: 'Health'
        enabled: true
      }
    ]
  }
}

@description('Resource id of the vault.')
output id string = vault.id
