targetScope = 'subscription'

metadata description = 'What the apps may do in one subscription that they protect. The roles are defined in the subscription itself, so that taking them away there takes them away.'

import { targetType } from 'targets.bicep'

@description('The subscription, and the vaults in it.')
param target targetType

@description('Object id of the identity that copies restore points.')
@minLength(36)
@maxLength(36)
param copiesPrincipalId string

@description('Object id of the identity that runs failovers.')
@minLength(36)
@maxLength(36)
param failoversPrincipalId string

@description('Object id of the identity that serves tenants: whether they can be protected, and their machines.')
@minLength(36)
@maxLength(36)
param tenantsPrincipalId string

var copiesRole = loadJsonContent('../roles/copies.json')
var failoversRole = loadJsonContent('../roles/failovers.json')
var networksRole = loadJsonContent('../roles/failover-networks.json')
var tenantsRole = loadJsonContent('../roles/tenants.json')
var placesRole = loadJsonContent('../roles/tenant-places.json')
var machinesRole = loadJsonContent('../roles/tenant-machines.json')
var restoresRole = loadJsonContent('../roles/restores.json')
var sizesRole = loadJsonContent('../roles/restore-sizes.json')
var restoreGroups = target.?restores ?? []
var hasRestores = !empty(restoreGroups)
var hasMachines = target.?machines ?? false
var hasVaults = !empty(target.vaults)

resource copies 'Microsoft.Authorization/roleDefinitions@2022-04-01' = if (target.copies) {
  name: guid(subscription().id, copiesRole.name)
  properties: {
    roleName: '${copiesRole.name} (${subscription().subscriptionId})'
    description: copiesRole.description
    type: 'CustomRole'
    permissions: [
      {
        actions: copiesRole.actions
        notActions: []
        dataActions: []
        notDataActions: []
      }
    ]
    assignableScopes: [subscription().id]
  }
}

resource failovers 'Microsoft.Authorization/roleDefinitions@2022-04-01' = if (hasVaults) {
  name: guid(subscription().id, failoversRole.name)
  properties: {
    roleName: '${failoversRole.name} (${subscription().subscriptionId})'
    description: failoversRole.description
    type: 'CustomRole'
    permissions: [
      {
        actions: failoversRole.actions
        notActions: []
        dataActions: []
        notDataActions: []
      }
    ]
    assignableScopes: [subscription().id]
  }
}

resource networks 'Microsoft.Authorization/roleDefinitions@2022-04-01' = if (hasVaults) {
  name: guid(subscription().id, networksRole.name)
  properties: {
    roleName: '${networksRole.name} (${subscription().subscriptionId})'
    description: networksRole.description
    type: 'CustomRole'
    permissions: [
      {
        actions: networksRole.actions
        notActions: []
        dataActions: []
        notDataActions: []
      }
    ]
    assignableScopes: [subscription().id]
  }
}

resource tenants 'Microsoft.Authorization/roleDefinitions@2022-04-01' = if (hasVaults) {
  name: guid(subscription().id, tenantsRole.name)
  properties: {
    roleName: '${tenantsRole.name} (${subscription().subscriptionId})'
    description: tenantsRole.description
    type: 'CustomRole'
    permissions: [
      {
        actions: tenantsRole.actions
        notActions: []
        dataActions: []
        notDataActions: []
      }
    ]
    assignableScopes: [subscription().id]
  }
}

resource places 'Microsoft.Authorization/roleDefinitions@2022-04-01' = if (hasVaults) {
  name: guid(subscription().id, placesRole.name)
  properties: {
    roleName: '${placesRole.name} (${subscription().subscriptionId})'
    description: placesRole.description
    type: 'CustomRole'
    permissions: [
      {
        actions: placesRole.actions
        notActions: []
        dataActions: []
        notDataActions: []
      }
    ]
    assignableScopes: [subscription().id]
  }
}

resource machines 'Microsoft.Authorization/roleDefinitions@2022-04-01' = if (hasMachines) {
  name: guid(subscription().id, machinesRole.name)
  properties: {
    roleName: '${machinesRole.name} (${subscription().subscriptionId})'
    description: machinesRole.description
    type: 'CustomRole'
    permissions: [
      {
        actions: machinesRole.actions
        notActions: []
        dataActions: []
        notDataActions: []
      }
    ]
    assignableScopes: [subscription().id]
  }
}

resource restores 'Microsoft.Authorization/roleDefinitions@2022-04-01' = if (hasRestores) {
  name: guid(subscription().id, restoresRole.name)
  properties: {
    roleName: '${restoresRole.name} (${subscription().subscriptionId})'
    description: restoresRole.description
    type: 'CustomRole'
    permissions: [
      {
        actions: restoresRole.actions
        notActions: []
        dataActions: []
        notDataActions: []
      }
    ]
    assignableScopes: [subscription().id]
  }
}

resource sizes 'Microsoft.Authorization/roleDefinitions@2022-04-01' = if (hasRestores) {
  name: guid(subscription().id, sizesRole.name)
  properties: {
    roleName: '${sizesRole.name} (${subscription().subscriptionId})'
    description: sizesRole.description
    type: 'CustomRole'
    permissions: [
      {
        actions: sizesRole.actions
        notActions: []
        dataActions: []
        notDataActions: []
      }
    ]
    assignableScopes: [subscription().id]
  }
}

resource mayChangeMachines 'Microsoft.Authorization/roleAssignments@2022-04-01' = if (hasMachines) {
  name: guid(subscription().id, tenantsPrincipalId, machines.id)
  properties: {
    description: 'Farshore makes and changes the virtual machines of the tenants that this subscription belongs to.'
    roleDefinitionId: machines.id
    principalId: tenantsPrincipalId
    principalType: 'ServicePrincipal'
  }
}

resource mayCopy 'Microsoft.Authorization/roleAssignments@2022-04-01' = if (target.copies) {
  name: guid(subscription().id, copiesPrincipalId, copies.id)
  properties: {
    description: 'Farshore copies restore points of this subscription\'s virtual machines.'
    roleDefinitionId: copies.id
    principalId: copiesPrincipalId
    principalType: 'ServicePrincipal'
  }
}

resource mayReadNetworks 'Microsoft.Authorization/roleAssignments@2022-04-01' = if (hasVaults) {
  name: guid(subscription().id, failoversPrincipalId, networks.id)
  properties: {
    description: 'Farshore looks at the network of a test failover.'
    roleDefinitionId: networks.id
    principalId: failoversPrincipalId
    principalType: 'ServicePrincipal'
  }
}

resource mayReadPlaces 'Microsoft.Authorization/roleAssignments@2022-04-01' = if (hasVaults) {
  name: guid(subscription().id, tenantsPrincipalId, places.id)
  properties: {
    description: 'Farshore looks at the networks and storage accounts that machines would fail over to.'
    roleDefinitionId: places.id
    principalId: tenantsPrincipalId
    principalType: 'ServicePrincipal'
  }
}

resource mayReadSizes 'Microsoft.Authorization/roleAssignments@2022-04-01' = if (hasRestores) {
  name: guid(subscription().id, copiesPrincipalId, sizes.id)
  properties: {
    description: 'Farshore looks whether the size of a machine to restore can be used, and at the quotas of cores.'
    roleDefinitionId: sizes.id
    principalId: copiesPrincipalId
    principalType: 'ServicePrincipal'
  }
}

module mayRestore 'group-rights.bicep' = [
  for restoreGroup in restoreGroups: {
    name: 'farshore-restores-${uniqueString(restoreGroup)}'
    scope: resourceGroup(restoreGroup)
    params: {
      roleDefinitionId: restores.id
      principalId: copiesPrincipalId
      purpose: 'Farshore restores machines of copies into this resource group, and deletes those of drills.'
    }
  }
]

module mayFailOver 'vault-rights.bicep' = [
  for vault in target.vaults: {
    name: 'farshore-vault-${uniqueString(vault.resourceGroup, vault.name)}'
    scope: resourceGroup(vault.resourceGroup)
    params: {
      vaultName: vault.name
      roleDefinitionId: failovers.id
      principalId: failoversPrincipalId
      purpose: 'Farshore runs failovers of this vault\'s items.'
    }
  }
]

module mayReadVault 'vault-rights.bicep' = [
  for vault in target.vaults: {
    name: 'farshore-vault-read-${uniqueString(vault.resourceGroup, vault.name)}'
    scope: resourceGroup(vault.resourceGroup)
    params: {
      vaultName: vault.name
      roleDefinitionId: tenants.id
      principalId: tenantsPrincipalId
      purpose: 'Farshore says whether the tenants of this vault can be protected.'
    }
  }
]
