metadata description = 'One function app on Flex Consumption: its plan, its settings, Entra sign-in in front of it, its log. No key anywhere.'

@description('Name of the app, and of its host: {name}.azurewebsites.net.')
@minLength(2)
@maxLength(60)
param name string

@description('Name of the plan; a Flex Consumption plan carries one app.')
@minLength(1)
@maxLength(60)
param planName string

@description('Region of the app: one that it does not protect.')
@minLength(1)
param location string

@description('What of the package is loaded: the setting FARSHORE_CAPABILITIES.')
@minLength(1)
param capabilities ('copies' | 'failovers' | 'tenants' | 'virtual_machines' | 'data_centers')[]

@description('URL of the key vault for the secrets of requests, without a trailing slash; empty where the app takes none.')
@maxLength(200)
param keyVaultUrl string

@description('Resource id of the app\'s identity.')
@minLength(1)
param identityId string

@description('Client id of the app\'s identity.')
@minLength(36)
@maxLength(36)
param identityClientId string

@description('Where the app\'s state is.')
param storage storageType

@description('Client id of the app\'s registration in Entra ID, made by infra/hooks/entra_app.py.')
@minLength(36)
@maxLength(36)
param entraClientId string

@description('Entra tenants whose tokens the platform lets pass: this one, or any (the app itself knows its tenants by its registry).')
@allowed([
  'one'
  'any'
])
param signIn string

@description('Connection string of Application Insights; keys are off, so that it opens nothing.')
@minLength(1)
param insightsConnectionString string

@description('Resource id of the Log Analytics workspace.')
@minLength(1)
param workspaceId string

@description('Scale and choices of the app.')
param options optionsType

@description('Resource id of the subnet through which the app calls; empty without private networking.')
@maxLength(400)
param subnetId string

@description('Whether callers on the internet reach the app; false leaves the private endpoint only.')
param reachable bool

@description('Table endpoint of the storage account that has the tenant registry: that of the app which serves tenants.')
@minLength(1)
param registryTableUri string

@description('Tags of every resource.')
param tags object

@description('The endpoints of a storage account.')
type storageType = {
  @description('Blob endpoint.')
  blobUri: string

  @description('Queue endpoint.')
  queueUri: string

  @description('Table endpoint.')
  tableUri: string

  @description('Where the package is kept.')
  packageUrl: string
}

@export()
@description('How far an app may grow, and the settings that are choices.')
type optionsType = {
  @description('Most instances, over all functions of a group. ARM\'s budget is spent by the tick, so that more of them do not call more; fewer protect storage.')
  @minValue(1)
  @maxValue(1000)
  maximumInstanceCount: int

  @description('Memory of an instance, in MB.')
  instanceMemoryMB: 512 | 2048 | 4096

  @description('HTTP calls at one time in one instance, before another one is added.')
  @minValue(1)
  @maxValue(1000)
  httpConcurrency: int

  @description('Instances that wait ready for HTTP calls; each costs while it waits. 0 pays for use only.')
  @minValue(0)
  @maxValue(20)
  alwaysReady: int

  @description('FARSHORE_QUEUE_ROLES: roles of whoever may send to an intake queue.')
  queueRoles: ('Copies.Read' | 'Copies.Write' | 'Failovers.Read' | 'Failovers.Execute' | 'Tenants.Read' | 'Tenants.Write')[]

  @description('FARSHORE_BUDGET_SHARE: our share of Resource Manager\'s call budget, as a decimal such as 0.5.')
  @minLength(1)
  @maxLength(5)
  budgetShare: string

  @description('FARSHORE_CALLS_IN_FLIGHT: calls to Azure at one time in one process.')
  @minValue(1)
  @maxValue(512)
  callsInFlight: int

  @description('FARSHORE_COPIES_IN_FLIGHT: copies that run at one time to a subscription and region; with 0 all start.')
  @minValue(0)
  @maxValue(10000)
  copiesInFlight: int

  @description('FARSHORE_INVENTORY: how copy policies find their VMs.')
  inventory: ('resourceGraph' | 'listing')

  @description('FARSHORE_RETENTION: off stops every deletion by the retention of copy policies.')
  retention: ('on' | 'off')

  @description('FARSHORE_RECONCILE: how often the ledger of the copies of each VM is compared with Azure, PT1H to P2D.')
  reconcile: string

  @description('FARSHORE_LEASE_SECONDS: how long a step owns its operation.')
  @minValue(60)
  @maxValue(600)
  leaseSeconds: int

  @description('FARSHORE_TRACE_SHARE: share of the traces that are kept, as a decimal such as 0.1; metrics are whole.')
  @minLength(1)
  @maxLength(5)
  traceShare: string
}

var loginEndpoint = environment().authentication.loginEndpoint
var audiences = [
  entraClientId
  'api://${entraClientId}'
]
// Paths that answer anybody (contracts of the HTTP interface); everything else needs a token twice: here, and in the app.
var openPaths = [
  '/api/health'
  '/api/openapi.json'
  '/api/docs'
  '/api/one-time-secrets'
]

resource plan 'Microsoft.Web/serverfarms@2024-11-01' = {
  name: planName
  location: location
  tags: tags
  kind: 'functionapp'
  sku: {
    name: 'FC1'
    tier: 'FlexConsumption'
  }
  properties: {
    reserved: true
  }
}

resource app 'Microsoft.Web/sites@2024-11-01' = {
  name: name
  location: location
  tags: tags
  kind: 'functionapp,linux'
  identity: {
    type: 'UserAssigned'
    userAssignedIdentities: {
      '${identityId}': {}
    }
  }
  properties: {
    serverFarmId: plan.id
    httpsOnly: true
    clientAffinityEnabled: false
    keyVaultReferenceIdentity: identityId
    publicNetworkAccess: reachable ? 'Enabled' : 'Disabled'
    virtualNetworkSubnetId: empty(subnetId) ? null : subnetId
    siteConfig: {
      minTlsVersion: '1.2'
      scmMinTlsVersion: '1.2'
      ftpsState: 'Disabled'
      http20Enabled: true
      remoteDebuggingEnabled: false
      cors: {
        allowedOrigins: []
      }
    }
    functionAppConfig: {
      deployment: {
        storage: {
          type: 'blobContainer'
          value: storage.packageUrl
          authentication: {
            type: 'UserAssignedIdentity'
            userAssignedIdentityResourceId: identityId
          }
        }
      }
      runtime: {
        name: 'python'
        version: '3.13'
      }
      // Every function but those with HTTP scales on its own; how much one instance takes of a queue stands in host.json.
      scaleAndConcurrency: {
        maximumInstanceCount: options.maximumInstanceCount
        instanceMemoryMB: options.instanceMemoryMB
        alwaysReady: options.alwaysReady == 0
          ? []
          : [
              {
                name: 'http'
                instanceCount: options.alwaysReady
              }
            ]
        triggers: {
          http: {
            perInstanceConcurrency: options.httpConcurrency
          }
        }
      }
    }
  }
}

// Each of shared/settings.py's settings that has a meaning in Azure, and what the platform itself reads.
resource appSettings 'Microsoft.Web/sites/config@2024-11-01' = {
  parent: app
  name: 'appsettings'
  properties: {
    APPLICATIONINSIGHTS_AUTHENTICATION_STRING: 'ClientId=${identityClientId};Authorization=AAD'
    APPLICATIONINSIGHTS_CONNECTION_STRING: insightsConnectionString
    AUTH_AUDIENCES: join(audiences, ',')
    AUTH_ISSUERS: '${loginEndpoint}{tenantId}/v2.0,https://sts.windows.net/{tenantId}/'
    AUTH_KEYS_URL: '${loginEndpoint}common/discovery/v2.0/keys'
    AZURE_CLIENT_ID: identityClientId
    AZURE_RESOURCE_MANAGER_URL: take(environment().resourceManager, length(environment().resourceManager) - 1)
    AzureWebJobsStorage__blobServiceUri: storage.blobUri
    AzureWebJobsStorage__clientId: identityClientId
    AzureWebJobsStorage__credential: 'managedidentity'
    AzureWebJobsStorage__queueServiceUri: storage.queueUri
    AzureWebJobsStorage__tableServiceUri: storage.tableUri
    FARSHORE_BUDGET_SHARE: options.budgetShare
    FARSHORE_CALLS_IN_FLIGHT: string(options.callsInFlight)
    FARSHORE_COPIES_IN_FLIGHT: string(options.copiesInFlight)
    FARSHORE_INVENTORY: options.inventory
    FARSHORE_RETENTION: options.retention
    FARSHORE_RECONCILE: options.reconcile
    FARSHORE_CAPABILITIES: join(capabilities, ',')
    FARSHORE_KEY_VAULT_SUFFIX: substring(environment().suffixes.keyvaultDns, 1)
    FARSHORE_KEY_VAULT_URL: keyVaultUrl
    FARSHORE_LEASE_SECONDS: string(options.leaseSeconds)
    FARSHORE_ONE_TIME_SECRET_LIFETIME: 'P7D'
    FARSHORE_PROVIDER_TENANT_ID: tenant().tenantId
    FARSHORE_QUEUE_ROLES: join(options.queueRoles, ',')
    FARSHORE_REGISTRY_TABLE_URI: registryTableUri
    FARSHORE_TRACE_SHARE: options.traceShare
    OTEL_SERVICE_NAME: name
    PUBLIC_BASE_URL: 'https://${name}.azurewebsites.net'
  }
}

resource signInFirst 'Microsoft.Web/sites/config@2024-11-01' = {
  parent: app
  name: 'authsettingsV2'
  properties: {
    platform: {
      enabled: true
    }
    globalValidation: {
      requireAuthentication: true
      unauthenticatedClientAction: 'Return401'
      excludedPaths: openPaths
    }
    httpSettings: {
      requireHttps: true
    }
    identityProviders: {
      azureActiveDirectory: {
        enabled: true
        registration: {
          clientId: entraClientId
          openIdIssuer: '${loginEndpoint}${signIn == 'one' ? tenant().tenantId : 'organizations'}/v2.0'
        }
        validation: {
          allowedAudiences: audiences
        }
      }
    }
    login: {
      tokenStore: {
        enabled: false
      }
    }
  }
}

resource noPasswords 'Microsoft.Web/sites/basicPublishingCredentialsPolicies@2024-11-01' = [
  for way in ['ftp', 'scm']: {
    parent: app
    name: way
    properties: {
      allow: false
    }
  }
]

resource appDiagnostics 'Microsoft.Insights/diagnosticSettings@2021-05-01-preview' = {
  scope: app
  name: 'to-workspace'
  properties: {
    workspaceId: workspaceId
    // The functions' own log goes through Application Insights, sampled; a second copy here would be neither.
    logs: [
      {
        category: 'AppServiceAuthenticationLogs'
        enabled: true
      }
      {
        category: 'AppServiceIPSecAuditLogs'
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

resource planDiagnostics 'Microsoft.Insights/diagnosticSettings@2021-05-01-preview' = {
  scope: plan
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

@description('Resource id of the app.')
output id string = app.id

@description('Name of the app.')
output name string = app.name

@description('Where callers reach it.')
output url string = 'https://${app.properties.defaultHostName}/api'
