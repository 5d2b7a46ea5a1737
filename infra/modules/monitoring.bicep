metadata description = 'Where everything is watched: a Log Analytics workspace, and Application Insights on it. Keys are off: only identities write.'

@description('Name of the workspace.')
@minLength(4)
@maxLength(63)
param workspaceName string

@description('Name of the Application Insights resource.')
@minLength(1)
@maxLength(255)
param insightsName string

@description('Region of both.')
@minLength(1)
param location string

@description('How long logs are kept, in days.')
@minValue(30)
@maxValue(730)
param retentionInDays int

@description('Most that is taken in per day, in GB; -1 is no limit. Alerts see nothing once the limit is reached.')
@minValue(-1)
param dailyQuotaInGB int

@description('Object ids of the identities that send telemetry.')
@maxLength(100)
param senders string[]

@description('Tags of every resource.')
param tags object

// Monitoring Metrics Publisher: sends telemetry, reads none.
var metricsPublisher = subscriptionResourceId(
  'Microsoft.Authorization/roleDefinitions',
  '3913510d-42f4-4e42-8a64-420c390055eb'
)

resource workspace 'Microsoft.OperationalInsights/workspaces@2025-02-01' = {
  name: workspaceName
  location: location
  tags: tags
  properties: {
    sku: {
      name: 'PerGB2018'
    }
    retentionInDays: retentionInDays
    workspaceCapping: {
      dailyQuotaGb: dailyQuotaInGB
    }
    features: {
      disableLocalAuth: true
      enableLogAccessUsingOnlyResourcePermissions: true
    }
  }
}

// Who asked the workspace what. Application Insights has no setting of its own: all that it holds lies in the workspace already.
resource workspaceDiagnostics 'Microsoft.Insights/diagnosticSettings@2021-05-01-preview' = {
  scope: workspace
  name: 'to-workspace'
  properties: {
    workspaceId: workspace.id
    logs: [
      {
        category: 'Audit'
        enabled: true
      }
    ]
    metrics: [
      {
        category: 'AllMetrics'
        enabled: true
      }
    ]
  }
}

resource insights 'Microsoft.Insights/components@2020-02-02' = {
  name: insightsName
  location: location
  tags: tags
  kind: 'web'
  properties: {
    Application_Type: 'web'
    WorkspaceResourceId: workspace.id
    IngestionMode: 'LogAnalytics'
    DisableLocalAuth: true
  }
}

resource senderRights 'Microsoft.Authorization/roleAssignments@2022-04-01' = [
  for principalId in senders: {
    scope: insights
    name: guid(insights.id, principalId, metricsPublisher)
    properties: {
      roleDefinitionId: metricsPublisher
      principalId: principalId
      principalType: 'ServicePrincipal'
    }
  }
]

@description('Resource id of the workspace.')
output workspaceId string = workspace.id

@description('Where telemetry goes. It names a place and opens nothing: keys are off.')
output insightsConnectionString string = insights.properties.ConnectionString
