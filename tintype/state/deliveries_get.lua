-- The delivery ARGV[3], or nothing.
return delivery_row(ARGV[3])
