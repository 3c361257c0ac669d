package Bench::Codes;

# Table 2: codes verified per second, against redis-benchmark running the two
# scripts of a code with the arguments that the product sends; and whole
# sign-ins against the hash of the password alone.

use strict;
use warnings;

use Bench::Cpu;
use Bench::Growth;
use Bench::Http qw(enroll half storm);
use Bench::Site;
use Bench::Table;
use Bench::Variants;
use Totp::Util;


sub run {
    my ($site, $quick) = @_;

    my $rig = $site->rig;
    my $node = $site->ready($site->node('codes', %{ $site->ours })->start);

    say_progress('codes: users set up');
    my @otp = map { enroll($site->client($node, ip => fresh_ip()), $_) }
              ($site->users)[1 .. scalar($site->users) - 1];

    my @scripts = scripts($site, $node, $otp[0]);
    my @warm = map { half($site->client($node, ip => fresh_ip()), $_) }
               @otp[0 .. 19];
    storm($node->port, \@warm, 8);
    my @rows;

    for my $connections (1, 8, 50) {
        my (@ours, @theirs, @worker, @redis);
        my $server = $rig->redis->{pid};

        for (1 .. ($quick ? 1 : 2)) {
            say_progress("codes: $connections connections");
            my @raw = map { half($site->client($node, ip => fresh_ip()), $_) }
                      @otp;
            my @before = (Bench::Cpu::ran($node), Bench::Cpu::process($server));
            my ($took, %status) = storm($node->port, \@raw, $connections);
            push @worker, (Bench::Cpu::ran($node) - $before[0]) / @raw / 1000;
            push @redis, (Bench::Cpu::process($server) - $before[1])
                         / @raw / 1000;
            die "codes were refused: @{[ %status ]}\n"
                if ($status{200} || 0) != @raw;
            push @ours, @raw / $took;
            push @theirs, pair($rig->redis->{socket}, $connections,
                               $quick ? 5000 : 20000, @scripts);
        }

        push @rows, [$connections, (map { sprintf '%.0f', $_ }
                     median(@ours), median(@theirs)),
                     sprintf('%.2f', median(@ours) / median(@theirs)),
                     map { sprintf '%.0f', $_ } median(@worker),
                                                median(@redis)];
    }

    table('Table 2.  Codes verified per second (password session, two scripts '
          . 'in Redis), and redis-benchmark with the same two scripts',
          ['connections', 'codes/s', 'redis-benchmark', 'ratio',
           'worker us', 'Redis us'], @rows);

    print "\nus: CPU time of a code in the worker and in Redis; on a machine "
        . "that is\nbusy these hold, the rates do not.\n";


    sign_ins($site, $node, $otp[1], $quick);
    $node->quit;

    return;
}


# The EVALSHA of attempt and accept, as MONITOR shows them.

sub scripts {
    my ($site, $node, $otp) = @_;

    my $redis = $site->rig->redis;
    my $raw = half($site->client($node, ip => fresh_ip()), $otp);

    $redis->monitor;
    storm($node->port, [$raw], 1);
    nap(0.3);

    my @calls;
    for my $line (split /\n/, $redis->monitor_end) {
        next unless $line =~ /"evalsha"/i && $line !~ /\] "hgetall"/i;
        my @args = $line =~ /"((?:[^"\\]|\\.)*)"/g;
        s/\\x([0-9a-f]{2})/chr hex $1/gie, s/\\(.)/$1/gs for @args;
        push @calls, \@args;
    }

    die scalar(@calls) . " scripts for a code instead of 2\n" if @calls != 2;

    return map { elsewhere($redis, $otp, $_) } @calls;
}


# The same call for any of a hundred thousand users, so that each does its full
# work: for one user it would soon be locked, or the step used.

sub elsewhere {
    my ($redis, $otp, $call) = @_;

    my $user = $otp->{user};
    my $record = $redis->cmd('HGETALL', "totp:user:{default:$user}");

    if (!$redis->{bench_users}++) {
        my %f = @$record;
        delete @f{qw(fails fails_from locks locked_until row burnt)};
        $f{last_step} = 1;
        Bench::Growth::fill($redis, 100_000, sub {
            sprintf 'totp:user:{default:%012d}', $_[0] }, %f);
    }

    my @args = @$call;
    s/\{default:\Q$user\E\}/{default:__rand_int__}/ for @args;

    return \@args;
}


# Pairs of the two calls a second.

sub pair {
    my ($socket, $connections, $n, @scripts) = @_;

    my $seconds = 0;

    for my $args (@scripts) {
        my $out = Bench::Site::output(Bench::Site::pinned(),
            tool('redis-benchmark'), '-s', $socket, '-c', $connections,
            '-n', $n, '-r', 100_000, '--csv', @$args);
        my ($rate) = $out =~ /","([0-9.]+)","[0-9.]+","[0-9.]+"/ or
            die "redis-benchmark said:\n$out\n";
        $seconds += 1 / $rate;
    }

    return 1 / $seconds;
}


# Whole sign-ins with bcrypt of cost 10, ten at a time.

sub sign_ins {
    my ($site, $node, $otp, $quick) = @_;

    my $n = $quick ? 40 : 200;
    my $password = $site->rig->password($otp->{user});
    my $hash = Bench::Variants::bcrypt($password, 10);

    my $start = now();
    for (1 .. 10) {
        die "crypt(3) is wrong\n" if crypt($password, $hash) ne $hash;
    }
    my $alone = (now() - $start) / 10;

    $site->rig->htpasswd($otp->{user} => $hash);
    nap(3);

    my $client = $site->client($node);
    $client->page('login');
    my $raw = $client->build('POST', '/2fa/login', keep => 1,
        headers => [Accept => 'application/json'],
        form => [[username => $otp->{user}], [password => $password],
                 [csrf => $client->{csrf}]]);

    my ($took, %status) = storm($node->port, [($raw) x $n], 2);
    die "sign-ins were refused: @{[ %status ]}\n" if ($status{200} || 0) != $n;

    table('Sign-ins with bcrypt 10, one worker on one processor',
          ['', 'per second', 'of the hash alone'],
          ['the hash alone', sprintf('%.1f', 1 / $alone), ''],
          ['whole sign-ins', sprintf('%.1f', $n / $took),
           sprintf('%.2f', $n / $took * $alone)]);

    return;
}


1;
