metadata description = 'Who is told of what: an action group, the alerts on what the app measures, and a workbook to look at.'

@description('Beginning of the names.')
@minLength(2)
@maxLength(40)
param name string

@description('Region of the alerts and the workbook: the workspace\'s.')
@minLength(1)
param location string

@description('Resource id of the Log Analytics workspace.')
@minLength(1)
param workspaceId string

@description('Names of the apps, each with a heartbeat of its own.')
@minLength(1)
param appNames string[]

@description('E-mail addresses of whoever is on call.')
@maxLength(100)
param emails string[]

@description('Whether the alerts wake anybody; false while a new environment is being set up.')
param enabled bool

@description('Tags of every resource.')
param tags object

// Each: what is asked, its column of figures, when that is too many, and how often it is asked. docs/operate.md has what to do.
var figures = [
  {
    name: 'poison-messages'
    title: 'Messages given up'
    query: loadTextContent('../alerts/poison-messages.kql')
    column: 'Messages'
    dimensions: ['Queue']
    threshold: 0
    severity: 1
    window: 'PT15M'
    every: 'PT5M'
  }
  {
    name: 'rejected-messages'
    title: 'Requests by queue refused'
    query: loadTextContent('../alerts/rejected-messages.kql')
    column: 'Messages'
    dimensions: ['Queue', 'Code']
    threshold: 0
    severity: 2
    window: 'PT15M'
    every: 'PT5M'
  }
  {
    name: 'failed-operations'
    title: 'Operations failed'
    query: loadTextContent('../alerts/failed-operations.kql')
    column: 'Operations'
    dimensions: ['Kind', 'Tenant', 'Code']
    threshold: 0
    severity: 2
    window: 'PT15M'
    every: 'PT5M'
  }
  {
    name: 'attention'
    title: 'Operations that need a person\'s word'
    query: loadTextContent('../alerts/attention.kql')
    column: 'Operations'
    dimensions: ['Kind', 'Code', 'Tenant']
    threshold: 0
    severity: 1
    window: 'PT15M'
    every: 'PT5M'
  }
  {
    name: 'quota-out-of-sync'
    title: 'Quota of a data center out of sync'
    query: loadTextContent('../alerts/quota-out-of-sync.kql')
    column: 'Operations'
    dimensions: ['Kind', 'Tenant']
    threshold: 0
    severity: 2
    window: 'PT15M'
    every: 'PT5M'
  }
  {
    name: 'compensation-incomplete'
    title: 'An order left something behind'
    query: loadTextContent('../alerts/compensation-incomplete.kql')
    column: 'Operations'
    dimensions: ['Kind', 'Tenant']
    threshold: 0
    severity: 2
    window: 'PT15M'
    every: 'PT5M'
  }
  {
    name: 'deletion-stuck'
    title: 'Deletion of a data center is stuck'
    query: loadTextContent('../alerts/deletion-stuck.kql')
    column: 'Operations'
    dimensions: ['Kind', 'Tenant']
    threshold: 0
    severity: 2
    window: 'PT15M'
    every: 'PT5M'
  }
  {
    name: 'sign-in-failed'
    title: 'Sign-in at Azure Pack fails'
    query: loadTextContent('../alerts/sign-in-failed.kql')
    column: 'Operations'
    dimensions: ['Kind', 'Tenant']
    threshold: 0
    severity: 1
    window: 'PT15M'
    every: 'PT5M'
  }
  {
    name: 'certificates-ending'
    title: 'Certificates of Azure Pack subscriptions end'
    query: loadTextContent('../alerts/certificates-ending.kql')
    column: 'Certificates'
    dimensions: ['Installation', 'Tenant']
    threshold: 0
    severity: 3
    window: 'P1D'
    every: 'PT1H'
  }
  {
    name: 'objective-breached'
    title: 'Recovery point objective breached'
    query: loadTextContent('../alerts/objective-breached.kql')
    column: 'Machines'
    dimensions: ['Tenant']
    threshold: 0
    severity: 1
    window: 'PT30M'
    every: 'PT15M'
  }
  {
    name: 'stuck-copies'
    title: 'Copies that stand still'
    query: loadTextContent('../alerts/stuck-copies.kql')
    column: 'Copies'
    dimensions: ['Tenant']
    threshold: 0
    severity: 2
    window: 'PT30M'
    every: 'PT15M'
  }
  {
    name: 'missing-runs'
    title: 'Slots of copy policies without a run'
    query: loadTextContent('../alerts/missing-runs.kql')
    column: 'Policies'
    dimensions: ['Tenant']
    threshold: 0
    severity: 1
    window: 'PT30M'
    every: 'PT15M'
  }
  {
    name: 'held-deletions'
    title: 'Deletions of retention held'
    query: loadTextContent('../alerts/held-deletions.kql')
    column: 'Deletions'
    dimensions: ['Tenant', 'Policy']
    threshold: 0
    severity: 2
    window: 'PT15M'
    every: 'PT5M'
  }
  {
    name: 'throttling'
    title: 'Azure throttles our calls'
    query: loadTextContent('../alerts/throttling.kql')
    column: 'Answers'
    dimensions: ['Operation', 'Subscription']
    threshold: 20
    severity: 3
    window: 'PT15M'
    every: 'PT5M'
  }
]

resource onCall 'Microsoft.Insights/actionGroups@2023-01-01' = {
  name: '${name}-on-call'
  location: 'global'
  tags: tags
  properties: {
    enabled: true
    groupShortName: 'farshore'
    emailReceivers: [
      for (email, index) in emails: {
        name: 'person-${index}'
        emailAddress: email
        useCommonAlertSchema: true
      }
    ]
  }
}

resource alerts 'Microsoft.Insights/scheduledQueryRules@2023-12-01' = [
  for figure in figures: {
    name: '${name}-${figure.name}'
    location: location
    tags: tags
    kind: 'LogAlert'
    properties: {
      displayName: 'Farshore: ${figure.title}'
      description: 'infra/alerts/${figure.name}.kql; what to do: docs/operate.md'
      severity: figure.severity
      enabled: enabled
      scopes: [workspaceId]
      evaluationFrequency: figure.every
      windowSize: figure.window
      autoMitigate: true
      skipQueryValidation: true // the table is there from the first telemetry on, not before
      criteria: {
        allOf: [
          {
            query: figure.query
            metricMeasureColumn: figure.column
            timeAggregation: 'Total'
            dimensions: [
              for dimension in figure.dimensions: {
                name: dimension
                operator: 'Include'
                values: ['*']
              }
            ]
            operator: 'GreaterThan'
            threshold: figure.threshold
            failingPeriods: {
              numberOfEvaluationPeriods: 1
              minFailingPeriodsToAlert: 1
            }
          }
        ]
      }
      actions: {
        actionGroups: [onCall.id]
      }
    }
  }
]

resource heartbeats 'Microsoft.Insights/scheduledQueryRules@2023-12-01' = [
  for appName in appNames: {
    name: '${name}-no-heartbeat-${appName}'
    location: location
    tags: tags
    kind: 'LogAlert'
    properties: {
      displayName: 'Farshore: no heartbeat of ${appName}'
      description: 'infra/alerts/no-heartbeat.kql; what to do: docs/operate.md'
      severity: 0
      enabled: enabled
      scopes: [workspaceId]
      evaluationFrequency: 'PT5M'
      windowSize: 'PT10M'
      autoMitigate: true
      skipQueryValidation: true
      criteria: {
        allOf: [
          {
            query: replace(loadTextContent('../alerts/no-heartbeat.kql'), '{app}', appName)
            metricMeasureColumn: 'Ticks'
            timeAggregation: 'Total'
            operator: 'LessThan'
            threshold: 1
            failingPeriods: {
              numberOfEvaluationPeriods: 1
              minFailingPeriodsToAlert: 1
            }
          }
        ]
      }
      actions: {
        actionGroups: [onCall.id]
      }
    }
  }
]

resource workbook 'Microsoft.Insights/workbooks@2023-06-01' = {
  name: guid(resourceGroup().id, name, 'workbook')
  location: location
  tags: tags
  kind: 'shared'
  properties: {
    displayName: 'Farshore'
    category: 'workbook'
    version: 'Notebook/1.0'
    sourceId: workspaceId
    serializedData: loadTextContent('../workbook.json')
  }
}

@description('Resource id of the action group.')
output actionGroupId string = onCall.id
