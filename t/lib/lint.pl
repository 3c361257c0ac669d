#!/usr/bin/perl
#
# make lint: what a reader of the sources may rely on.
#
#     lint.pl --objs DIR --nginx DIR -- WARNING...
#
# - config lists exactly the sources there are, layer by layer;
# - includes point only downwards, pure/ knows nothing of nginx, and each
#   library has one owner;
# - gcc and clang compile every source without a warning, cppcheck finds
#   nothing (a compiler that is not there is named and left out);
# - shell and Perl scripts parse.

use strict;
use warnings;

use File::Basename qw(basename dirname);
use Getopt::Long;

my $src = 'ngx_http_totp_module';
my @layers = qw(pure io store first page portal);
my %level = (map({ ($layers[$_] => $_) } 0 .. $#layers), '' => 6);

# who alone may include a header of these libraries

my %owner = (
    'hiredis/' => 'totp_resp',
    'qrencode.h' => 'totp_qr',
    'crypt.h' => 'totp_passwd',
);

GetOptions('objs=s' => \my $objs, 'nginx=s' => \my $nginx) or exit 2;
my @warnings = @ARGV;

my $bad = 0;

sources();
includes();
compile($_) for qw(gcc clang);
cppcheck();
scripts();

exit($bad ? 1 : 0);


sub complain {
    my ($text) = @_;

    print STDERR "$text\n";
    $bad++;

    return;
}


sub slurp {
    my ($path) = @_;

    open my $fh, '<', $path or die "$path: $!\n";
    local $/;

    return scalar <$fh>;
}


sub tree {
    my ($ext) = @_;

    return map { glob "$src/$_*.$ext" } '', map { "$_/" } @layers;
}


sub layer_of {
    my ($path) = @_;

    my $dir = dirname($path);

    return $dir eq $src ? '' : basename($dir);
}


sub program {
    my ($name) = @_;

    return 1 if grep { -x "$_/$name" } split /:/, $ENV{PATH};
    print "$name is not installed: left out\n";

    return 0;
}


sub sources {
    my $config = slurp('config');
    my %listed;

    for my $layer (@layers, 'module') {
        my ($list) = $config =~ /^totp_$layer="([^"]*)"/m;
        my $dir = $layer eq 'module' ? $src : "$src/$layer";
        $listed{"$dir/$_"}++ for split ' ', defined $list ? $list : '';
    }

    my %there = map { ($_ => 1) } tree('c');

    complain("config: $_ is not listed") for grep { !$listed{$_} } sort keys %there;
    complain("config: $_ does not exist") for grep { !$there{$_} } sort keys %listed;
    complain("config: $_ is listed twice")
        for grep { $listed{$_} > 1 } sort keys %listed;

    return;
}


sub includes {
    my @files = (tree('h'), tree('c'));
    my %where = map { (basename($_) => layer_of($_)) } tree('h');

    for my $file (@files) {
        my $layer = layer_of($file);
        my $n = 0;

        for my $line (split /\n/, slurp($file)) {
            $n++;
            my ($what) = $line =~ /^\s*#\s*include\s*[<"]([^">]+)[">]/ or next;

            if (exists $where{$what} && $level{$where{$what}} > $level{$layer}) {
                complain("$file:$n: includes $what of a layer above");
            }
            if ($layer eq 'pure' && $what =~ /^ngx_/) {
                complain("$file:$n: pure C includes $what");
            }
            for my $library (sort keys %owner) {
                next if index($what, $library) != 0;
                next if basename($file) =~ /^$owner{$library}\.[ch]\z/;
                complain("$file:$n: only $owner{$library} includes $what");
            }
        }
    }

    return;
}


sub include_flags {
    my @nginx = map { "$nginx/src/$_" }
                qw(core event event/modules event/quic os/unix http http/modules
                   http/v2);

    return map({ "-isystem$_" } (grep { -d } @nginx), $objs),
           map { "-I$_" } $src, map { "$src/$_" } @layers;
}


sub compile {
    my ($cc) = @_;

    return if !program($cc);

    my $found = 0;

    for my $file (tree('c')) {
        $found += system($cc, '-fsyntax-only', '-O2', '-std=gnu11', @warnings,
                         include_flags(), $file) != 0;
    }

    print "$cc: ", $found ? "$found files with warnings\n" : "no warnings\n";
    $bad += $found;

    return;
}


sub cppcheck {
    return if !program('cppcheck');

    my $found = system('cppcheck', '--quiet', '--error-exitcode=1',
                       '--enable=warning,portability', '--inline-suppr',
                       '--std=c11', "-I$src", (map { "-I$src/$_" } @layers),
                       tree('c')) != 0;

    print 'cppcheck: ', $found ? "findings\n" : "nothing found\n";
    $bad += $found;

    return;
}


sub scripts {
    for my $file (grep { -f } glob('t/lib/*.sh conf/demo/* .ci/run'),
                  "$src/embed.sh")
    {
        my ($line) = split /\n/, slurp($file), 2;
        next if ($line || '') !~ m{^#!.*\b(sh|bash|perl)\b};
        my @check = $1 eq 'perl' ? ('perl', '-cw') : ($1, '-n');
        complain("$file: does not parse")
            if system('sh', '-c', 'exec "$@" 2> /dev/null', 'sh', @check, $file);
    }

    return;
}
