#!/bin/busybox sh
# A guest that tries what the network offers, and prints what it finds. What is not refused costs it 10 seconds and more.
b=/bin/busybox
$b mount -t proc proc /proc
$b mount -t sysfs sysfs /sys
$b mount -t devtmpfs dev /dev
$b mkdir -p /etc
for module in $($b cat /modules/order); do $b insmod /modules/$module; done
$b ip link set lo up
$b ip link set eth0 up
$b cat > /lease <<'END'
#!/bin/busybox sh
[ "$1" = bound ] || exit 0
b=/bin/busybox
$b ip address add $ip/$mask dev $interface
$b ip route add default via $router
echo "nameserver $dns" > /etc/resolv.conf
echo "LEASE $ip $subnet $router $dns $hostname"
END
$b chmod 755 /lease
$b udhcpc -q -n -i eth0 -s /lease -O hostname > /lease.log 2>&1
$b grep LEASE /lease.log
echo "NAMED $($b wget -q -O - http://instance-data:8773/named)"
for number in 0 1 2 3 4 5 6 7 8 9; do
    $b wget -q -O /got.$number http://169.254.169.254/parallel/$number &
done
wait
echo "PARALLEL $($b cat /got.* | $b sort | $b uniq | $b wc -l)"
for place in 1.1.1.1:80 172.31.0.1:8773 172.31.0.77:80; do
    before=$($b date +%s)
    $b wget -q -O - http://$place/ 2> /said
    after=$($b date +%s)
    echo "REFUSED $place $($b grep -c 'Connection refused' /said) $((after - before < 9))"
done
before=$($b date +%s)
$b nslookup www.example.org 10.9.9.9 > /dev/null 2>&1
$b nslookup www.example.org > /dev/null 2>&1
after=$($b date +%s)
echo "NAMES $((after - before < 9))"
echo "PING $($b ping -c 1 -W 5 172.31.0.1 | $b grep -c '1 packets received')"
$b dd if=/dev/zero bs=65536 count=16 2> /dev/null | $b nc 169.254.169.254 80
echo "LISTENING"
$b nc -l -p 22 -e $b tr a-z A-Z
echo "OVER"
echo o > /proc/sysrq-trigger
$b sleep 10
