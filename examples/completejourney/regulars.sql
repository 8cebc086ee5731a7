with months as (
  select customer, date_trunc('month', time at time zone 'America/New_York') as month, min(time) as since
  from events where name = 'basket_line' group by 1, 2
)
select this.customer as household_id, this.since
from months as this
join months as last on last.customer = this.customer and last.month = this.month - interval '1 month'
join months as before on before.customer = this.customer and before.month = this.month - interval '2 months'
order by this.since, this.customer
