metadata description = 'The shape of what is protected; types only.'

@export()
@description('A subscription that is protected. A tenant\'s subscription in another Entra tenant is reached through Lighthouse instead: docs/security.md.')
type targetType = {
  @description('Id of the subscription.')
  @minLength(36)
  @maxLength(36)
  subscriptionId: string

  @description('Whether restore points of its virtual machines may be copied.')
  copies: bool

  @description('Whether tenants may have virtual machines in it; without the member they may not.')
  machines: bool?

  @description('The resource groups in it that machines may be restored into, and that have copies and networks for it; without the member none.')
  restores: string[]?

  @description('The Recovery Services vaults in it whose machines may be failed over.')
  vaults: vaultType[]
}

@export()
@description('A Recovery Services vault of the subscription that it is listed under.')
type vaultType = {
  @description('Its resource group.')
  @minLength(1)
  @maxLength(90)
  resourceGroup: string

  @description('Its name.')
  @minLength(2)
  @maxLength(50)
  name: string
}
